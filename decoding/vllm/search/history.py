# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The hidden history: one more layer of the paged KV cache, which holds a hidden state for every token.

Because it is a layer like any other, prefix caching, prompts in chunks, preemption and eviction hold for it. It is
written for every token of every request, so that a plain request's blocks serve a search as well. vLLM keeps hidden
states in the same way for its `extract_hidden_states` models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.v1.attention.backend import AttentionBackend, AttentionImpl, AttentionMetadataBuilder, AttentionType
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheSpec

from ...methods.contrastive_search import unit_norm

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.attention.backend import CommonAttentionMetadata

READ_AT_ONCE = 1 << 26
"""The most numbers of the history that are read at a time, 256 MiB of float32."""


class StepMetadata:
    """What the model runner tells every attention back-end about a step, as it is.

    A back-end's builder usually makes metadata of its own form. That of the history hands on what it is given, and so
    the model learns the block tables of a step, whatever back-end its attention has.

    Args:
        common: The metadata.
    """

    def __init__(self, common: CommonAttentionMetadata) -> None:
        self.common = common


class HistoryBuilder(AttentionMetadataBuilder[Any]):
    """Hands the metadata of a step on."""

    def __init__(self, kv_cache_spec: Any, layer_names: list[str], vllm_config: VllmConfig, device: Any) -> None:  # noqa: ANN401
        super().__init__(kv_cache_spec, layer_names, vllm_config, device)

    def build(
        self, common_prefix_len: int, common_attn_metadata: CommonAttentionMetadata, fast_build: bool = False
    ) -> StepMetadata:
        """Return the metadata as they are."""
        return StepMetadata(common_attn_metadata)


class HistoryImpl(AttentionImpl):
    """The implementation of a layer that attends to nothing."""

    def __init__(self) -> None: ...

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Reject every call: the model writes and reads the history itself, and vLLM calls no layer of its own accord.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("the hidden history is written and read, not attended to")


class HistoryBackend(AttentionBackend):
    """The back-end of the history; it has no kernels and supports no full CUDA graphs."""

    supported_dtypes: ClassVar = [torch.float16, torch.bfloat16, torch.float32]
    forward_includes_kv_cache_update = False

    @staticmethod
    def get_name() -> str:
        """Return the name of the back-end."""
        return "COUNTERFOIL_HISTORY"

    @staticmethod
    def get_impl_cls() -> Any:  # noqa: ANN401
        """Return the implementation."""
        return HistoryImpl

    @staticmethod
    def get_builder_cls() -> Any:  # noqa: ANN401
        """Return the builder of metadata."""
        return HistoryBuilder

    @classmethod
    def supports_attn_type(cls, attn_type: str) -> bool:
        """Return whether the attention is a decoder's."""
        return attn_type == AttentionType.DECODER


class History(nn.Module, AttentionLayerBase):
    """The unit-length hidden states of all cached tokens, `[blocks, 1, block_size, width]`.

    Args:
        vllm_config: The engine's configuration; the layer enters its table of layers.
        name: The layer's name, with exactly one number in it.
        width: The model's hidden size.
    """

    supports_dcp = False

    def __init__(self, vllm_config: VllmConfig, name: str, width: int) -> None:
        super().__init__()
        exact = vllm_config.model_config.dtype == torch.float32
        self.layer_name, self.width, self.dtype = name, width, torch.float32 if exact else torch.float16
        self.impl = HistoryImpl()
        self.kv_cache = torch.tensor([])
        self.model: Any = None
        """A weak reference to the model, through which the logits processor of the same engine finds it."""
        vllm_config.compilation_config.static_forward_context[name] = self

    def get_attn_backend(self) -> Any:  # noqa: ANN401
        """Return the back-end."""
        return HistoryBackend

    def get_kv_cache_spec(self, vllm_config: VllmConfig) -> KVCacheSpec:
        """Return the shape of a block: one head with a key of the hidden state's width and no value."""
        return FullAttentionSpec(
            block_size=vllm_config.cache_config.block_size,
            num_kv_heads=1,
            head_size=self.width,
            head_size_v=0,
            dtype=self.dtype,
        )

    @property
    def block_size(self) -> int:
        """Return the number of tokens in a block."""
        return self.kv_cache.shape[2]

    @property
    def blocks(self) -> int:
        """Return the number of blocks of the cache, the scratch blocks included."""
        return self.kv_cache.shape[0]

    def write(self, hidden: Tensor, slots: Tensor) -> None:
        """Write the hidden states of a step.

        Args:
            hidden: `[tokens, width]`.
            slots: `[tokens]`, the place of each token in the cache; -1 for padding, which goes to the block that vLLM
                keeps empty.
        """
        slots = slots.clamp_min(0)
        size = self.block_size
        self.kv_cache[slots // size, 0, slots % size] = unit_norm(hidden).to(self.dtype)

    def likeness(self, candidates: Tensor, tables: Tensor, lengths: Tensor, longest: int) -> Tensor:
        """Return the largest cosine of each candidate with a hidden state of its row, `[rows, k]`.

        Args:
            candidates: `[rows, k, width]` hidden states.
            tables: `[rows, blocks]`, the blocks of each row.
            lengths: `[rows]`, how many tokens of each row are in the cache, at least 1.
            longest: The largest of them.
        """
        size, rows = self.block_size, len(candidates)
        candidates = unit_norm(candidates)
        best = candidates.new_full(candidates.shape[:2], -torch.inf)
        used = -(-longest // size)
        at_once = max(1, READ_AT_ONCE // (rows * size * self.width))
        for first in range(0, used, at_once):
            last = min(first + at_once, used)
            states = self.kv_cache[tables[:, first:last].long(), 0].reshape(rows, -1, self.width).float()
            cosine = candidates @ states.transpose(1, 2)
            places = torch.arange(first * size, last * size, device=cosine.device)
            cosine.masked_fill_((places >= lengths[:, None])[:, None], -torch.inf)
            best = torch.maximum(best, cosine.amax(-1))
        return best
