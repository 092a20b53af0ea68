"""Attention of a packed step: grouped heads stay grouped under a mask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

PACKED_ATTENTION = "counterfoil_packed"


def packed_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,  # noqa: ANN401
) -> tuple[Tensor, None]:
    """Scaled dot-product attention that never repeats the keys and values of grouped heads.

    transformers copies keys and values once for every query head of a group whenever there is a mask. Here the
    group is folded into the query dimension instead: `[batch, kv_heads, group * width, head_dim]` against the keys as
    they lie in the cache, which also keeps the fast kernels on devices where a grouped call with a mask loses them.

    Args:
        module: The attention layer.
        query: `[batch, heads, width, head_dim]`.
        key: `[batch, kv_heads, length, head_dim]`.
        value: `[batch, kv_heads, length, value_dim]`.
        attention_mask: Additive mask `[batch, 1, group * width, length]` that repeats its `width` rows for each head
            of a group. Any other mask is handed to transformers' own function.
        **kwargs: `dropout`, `scaling` and the rest of transformers' attention interface.

    Returns:
        The output `[batch, width, heads, value_dim]`, and None for the weights.
    """
    batch, heads, width, _ = query.shape
    kv_heads = key.shape[1]
    if attention_mask is None or attention_mask.shape[2] == width or kwargs.get("position_bias") is not None:
        mask = None if attention_mask is None else attention_mask[:, :, :width]
        return sdpa_attention_forward(module, query, key, value, mask, **kwargs)
    output = functional.scaled_dot_product_attention(
        query.reshape(batch, kv_heads, -1, query.shape[3]),
        key,
        value,
        attn_mask=attention_mask,
        dropout_p=kwargs.get("dropout", 0.0),
        scale=kwargs.get("scaling"),
    )
    return output.reshape(batch, heads, width, -1).transpose(1, 2).contiguous(), None


AttentionInterface.register(PACKED_ATTENTION, packed_attention_forward)
AttentionMaskInterface.register(PACKED_ATTENTION, sdpa_mask)


class AttentionSwitch:
    """Lends a model the packed attention for the length of a forward.

    Eager models keep their own attention (it may do more than a softmax: sinks, caps), and so do models that do not
    look their attention up by name. All others, whatever back-end they prefill with, have the same cache layout and
    take the packed one for these steps.

    Attributes:
        heads_per_group: How often a mask has to repeat its rows for this model: 1 where it keeps its attention.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._config = model.config.get_text_config(decoder=True)
        self._active = (
            self._config._attn_implementation not in (None, "eager")
            and bool(getattr(model, "_supports_attention_backend", False))
            and bool(getattr(model, "_supports_sdpa", False))
        )
        heads = getattr(self._config, "num_attention_heads", 1)
        kv_heads = getattr(self._config, "num_key_value_heads", None) or heads
        self.heads_per_group = heads // kv_heads if self._active else 1

    @contextmanager
    def on(self) -> Iterator[None]:
        """Switches for a `with` block, and back whatever happens in it."""
        if not self._active:
            yield
            return
        own = self._config._attn_implementation
        self._config._attn_implementation = PACKED_ATTENTION
        try:
            yield
        finally:
            self._config._attn_implementation = own


def additive_minimum(dtype: torch.dtype) -> float:
    """What an additive mask holds where nothing may be seen: finite, so that no row can turn into NaN."""
    return torch.finfo(dtype).min
