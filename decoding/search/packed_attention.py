"""Attention of a packed step: the mask that separates the candidates, and a kernel call that keeps groups of heads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

PREFIX = "counterfoil_packed_"
"""Packed attention is registered once for each back-end that it stands in for, under this prefix and its name."""

_ALIGNMENT = 16  # elements; fused kernels copy a mask whose rows start anywhere else

AttentionFunction = Callable[..., tuple[Tensor, Tensor | None]]


def packed_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,  # noqa: ANN401  (each back-end has a type of mask of its own)
    *,
    backend: AttentionFunction = sdpa_attention_forward,
    **kwargs: Any,  # noqa: ANN401
) -> tuple[Tensor, Tensor | None]:
    """Compute scaled dot-product attention without repeating the keys and values of grouped heads.

    transformers copies keys and values once for each query head of a group whenever there is a mask. Here the group is
    folded into the query dimension instead: `[batch, kv_heads, group * width, head_dim]` against the keys as they lie
    in the cache. This also keeps the fast kernels on devices where a grouped call with a mask loses them.

    Args:
        module: The attention layer.
        query: `[batch, heads, width, head_dim]`.
        key: `[batch, kv_heads, length, head_dim]`.
        value: `[batch, kv_heads, length, value_dim]`.
        attention_mask: Additive mask `[batch, 1, group * width, length]` that repeats its `width` rows for each head
            of a group.
        backend: The attention function that computes everything else: forwards without a four-dimensional mask. Other
            threads run them while this function stands in for their back-end.
        **kwargs: `dropout`, `scaling` and the rest of transformers' attention interface.

    Returns:
        The output `[batch, width, heads, value_dim]`, and None for the weights.
    """
    if _thread.attention is not None:
        return _thread.attention(module, query, key, value, attention_mask, **kwargs)
    if not isinstance(attention_mask, Tensor) or attention_mask.dim() != 4:
        return backend(module, query, key, value, attention_mask, **kwargs)
    batch, heads, width, _ = query.shape
    if attention_mask.shape[2] == width or kwargs.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask[:, :, :width], **kwargs)
    output = functional.scaled_dot_product_attention(
        query.reshape(batch, key.shape[1], -1, query.shape[3]),
        key,
        value,
        attn_mask=attention_mask,
        dropout_p=kwargs.get("dropout", 0.0),
        scale=kwargs.get("scaling"),
    )
    return output.reshape(batch, heads, width, -1).transpose(1, 2).contiguous(), None


class PackedAttention:
    """Switches a model to packed attention for the length of a forward.

    Eager models keep their own attention (it may do more than a softmax: sinks, caps), and so do models that do not
    look up their attention by name. All others have the same cache layout, whatever back-end they prefill with.

    Threads may share a model: its own back-end returns when the last of them leaves, and until then an ordinary forward
    of another thread is handed to that back-end.

    Attributes:
        heads_per_group: How often a mask must repeat its rows for this model; 1 if the model keeps its attention.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._config = model.config.get_text_config(decoder=True)
        self._supported = (
            self._config._attn_implementation not in (None, "eager")
            and bool(getattr(model, "_supports_attention_backend", False))
            and bool(getattr(model, "_supports_sdpa", False))
        )
        heads = getattr(self._config, "num_attention_heads", 1)
        kv_heads = getattr(self._config, "num_key_value_heads", None) or heads
        self.heads_per_group = heads // kv_heads if self._supported else 1

    @contextmanager
    def enabled(self) -> Iterator[None]:
        """Use packed attention in a `with` block, and the model's own again after it, whatever happens."""
        if not self._supported:
            yield
            return
        with _lock:
            own = own_implementation(self._config)
            _users[id(self._config)] = _users.get(id(self._config), 0) + 1
            self._config._attn_implementation = _packed_over(own)
        try:
            yield
        finally:
            with _lock:
                _users[id(self._config)] -= 1
                if not _users[id(self._config)]:
                    del _users[id(self._config)]
                    self._config._attn_implementation = own


@contextmanager
def standing_in(attention: AttentionFunction) -> Iterator[None]:
    """Let another function compute what packed attention is asked for by this thread, in a `with` block."""
    before, _thread.attention = _thread.attention, attention
    try:
        yield
    finally:
        _thread.attention = before


class _Thread(threading.local):
    attention: AttentionFunction | None = None


_thread = _Thread()
_lock = threading.Lock()
_users: dict[int, int] = {}  # by id of the configuration, which a user holds: how many use packed attention now


def own_implementation(config: PreTrainedConfig) -> str:
    """Return the name of the model's own attention back-end, also while packed attention stands in for it."""
    return str(config._attn_implementation).removeprefix(PREFIX)


def _packed_over(own: str) -> str:
    name = PREFIX + own
    if name not in ALL_ATTENTION_FUNCTIONS:
        backend = ALL_ATTENTION_FUNCTIONS[own]
        if own != "sdpa":
            backend = partial(_as_own, backend, own)
        AttentionInterface.register(name, partial(packed_attention_forward, backend=backend))
        if own in ALL_MASK_ATTENTION_FUNCTIONS:  # ordinary masks stay those of the back-end; some have none
            AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[own])
    return name


def _as_own(backend: AttentionFunction, own: str, module: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Call a back-end with a module that names it: some read the kernel to load off `module.config`."""
    return backend(_Named(module, own), *args, **kwargs)


class _Named:
    def __init__(self, module: nn.Module, implementation: str) -> None:
        self._module = module
        self.config = SimpleNamespace(_attn_implementation=implementation)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._module, name)


class PackedMask:
    """Additive mask `[batch, 1, repeats * width, length + width]`: each candidate attends to the prefix and itself.

    It is kept in one buffer from step to step. Between two steps only the small diagonal of the candidates moves one
    column to the right, so a step writes `width + 1` columns and returns views, whatever the length of the prefix.

    Args:
        padding_mask: `[batch, prompt_length]`, 0 at padding, or None if there is no padding.
        batch_size: Rows of the batch.
        prompt_length: Columns already in the cache.
        width: Candidates per row.
        repeats: How often the rows are repeated (query heads per group, if attention folds them).
        budget: Columns to reserve beyond the prompt.
        dtype: The model's type.
        device: Where the mask is needed.
    """

    def __init__(
        self,
        padding_mask: Tensor | None,
        *,
        batch_size: int,
        prompt_length: int,
        width: int,
        repeats: int,
        budget: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._batch_size, self._width, self._prompt_length = batch_size, width, prompt_length
        self._masked = torch.finfo(dtype).min  # finite, so that no row can turn into NaN
        eye = torch.eye(width, dtype=torch.bool, device=device)
        diagonal = torch.zeros((width, width + 1), dtype=dtype, device=device)
        diagonal[:, 1:].masked_fill_(~eye, self._masked)
        self._diagonal = diagonal.repeat(repeats, 1)
        rows = 1 if padding_mask is None else batch_size
        self._buffer = diagonal.new_empty((rows, 1, repeats * width, 0))
        self._reserve(prompt_length + budget + width)
        if padding_mask is not None:
            padding = padding_mask.to(device=device).bool().logical_not()[:, None, None]
            self._buffer[..., :prompt_length].masked_fill_(padding, self._masked)

    def _reserve(self, columns: int) -> None:
        columns += -columns % _ALIGNMENT
        used = self._buffer.shape[3]
        grown = self._buffer.new_zeros((*self._buffer.shape[:3], columns))
        grown[..., :used] = self._buffer
        self._buffer = grown

    def move_to(self, length: int) -> None:
        """Move the candidates to the columns after a prefix of `length`; successive lengths must grow by one."""
        end = length + self._width
        if end > self._buffer.shape[3]:
            self._reserve(end + end // 2)
        if length == self._prompt_length:
            # The last column of a prompt may be padding and must stay as it is.
            self._buffer[..., length:end] = self._diagonal[:, 1:]
        else:
            self._buffer[..., length - 1 : end] = self._diagonal
        self._end = end

    def view(self, visible: int) -> Tensor:
        """Return the mask of a layer whose cache returns the last `visible` columns of the prefix."""
        start = self._end - self._width - visible
        return self._buffer[..., start : self._end].expand(self._batch_size, -1, -1, -1)
