"""Attention of a step to rows that are padded: each row's to its own tokens alone.

With a mask transformers copies keys and values once for each query head of a group, and the kernel reads the padding.
The columns that a row begins with and may not see are left out here; one new token then needs no mask, and several need
one for the order among them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from ..search.packed_attention import PackedAttention, own_implementation, standing_in
from ..views.unwrap_model import is_compiled

_COMPARES = re.compile(r"_attn_implementation\s*(?:==|!=|in\b|not\s+in\b)")

MOST_STRETCHES = 8
"""In more calls than this, attention is not known to be faster than in one with a mask."""


class UnpaddedAttention:
    """Attends to each row's tokens alone, for the steps of a model whose attention is PyTorch's on a CPU.

    On other devices a call for each length is not known to be faster than one with a mask, and nothing is done.

    Args:
        model: The model.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        config = model.config.get_text_config(decoder=True)
        self._switch = PackedAttention(model)
        # A compiled forward would be compiled again for each step's masks.
        on_cpu = model.device.type == "cpu" and not is_compiled(model)
        self._applies = on_cpu and own_implementation(config) == "sdpa" and not compares_implementations(model)

    @contextmanager
    def enabled(self) -> Iterator[None]:
        """Use it in a `with` block."""
        if not self._applies:
            yield
            return
        with standing_in(_Attention()), self._switch.enabled():
            yield


def compares_implementations(model: PreTrainedModel) -> bool:
    """Return whether a part of a model computes otherwise under an attention of another name than `sdpa`.

    DeepSeek-V3.2 and its kind put what their indexer selects into the mask under the names that they know, and leave it
    to the attention otherwise.
    """
    return any(map(_compares_implementations, {type(part).__module__ for part in model.modules()}))


@cache
def _compares_implementations(module: str) -> bool:
    if module.startswith("torch."):
        return False
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return True  # what cannot be read is not known to compute alike
    return _COMPARES.search(source) is not None


class _Attention:
    """The attention of one forward. All layers of a kind are given the same mask, which is looked at once."""

    def __init__(self) -> None:
        self._known: list[tuple[Tensor, list[_Stretch] | None]] = []

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[Tensor, Tensor | None]:
        stretches = None
        if kwargs.get("position_bias") is None and _is_of_a_cache(query, key, attention_mask):
            stretches = self._stretches(attention_mask, len(query), query.shape[1] // key.shape[1])
        if stretches is None:
            return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        parts = [
            _attended(query[own.rows], key[own.rows, :, own.first :], value[own.rows, :, own.first :], own.mask, kwargs)
            for own in stretches
        ]
        return torch.cat(parts), None

    def _stretches(self, mask: Tensor, rows: int, group: int) -> list[_Stretch] | None:
        for known, stretches in self._known:
            if known is mask:
                return stretches
        own = mask.expand(rows, -1, -1, -1)
        found = stretches_of(own[:, 0].any(1))
        parts = None
        if found is not None and len(found) <= MOST_STRETCHES:
            parts = [_Stretch(*each, _mask_of_stretch(own, *each, group)) for each in found]
        self._known.append((mask, parts))
        return parts


@dataclass(frozen=True)
class _Stretch:
    rows: slice
    first: int
    mask: Tensor | None
    """`[rows, 1, heads of a group * new, columns]`; `None` if all columns are visible."""


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, options: dict[str, Any]) -> Tensor:
    """Return `[rows, new, heads, head_dim]`; the heads of a group are further queries of the head that they share."""
    rows, heads, new, _ = query.shape
    output = functional.scaled_dot_product_attention(
        query.reshape(rows, key.shape[1], -1, query.shape[3]),
        key,
        value,
        attn_mask=mask,
        dropout_p=options.get("dropout", 0.0),
        scale=options.get("scaling"),
    )
    return output.reshape(rows, heads, new, -1).transpose(1, 2)


def _mask_of_stretch(mask: Tensor, rows: slice, first: int, group: int) -> Tensor | None:
    own = mask[rows, :, :, first:]
    return None if bool(own.all()) else own.repeat(1, 1, group, 1)


def stretches_of(visible: Tensor) -> list[tuple[slice, int]] | None:
    """Return neighbouring rows that see the same of `[rows, columns]` booleans, and the first column that they see;
    `None` if a row sees any column but the last ones."""
    first = visible.int().argmax(-1)
    columns = torch.arange(visible.shape[1], device=visible.device)
    if not torch.equal(visible, columns >= first[:, None]):
        return None
    stretches: list[tuple[slice, int]] = []
    for row, start in enumerate(first.tolist()):
        if stretches and stretches[-1][1] == start:
            stretches[-1] = slice(stretches[-1][0].start, row + 1), start
        else:
            stretches.append((slice(row, row + 1), start))
    return stretches


def _is_of_a_cache(query: Tensor, key: Tensor, mask: Any) -> bool:  # noqa: ANN401
    shapes = [(rows, 1, query.shape[2], key.shape[2]) for rows in (1, len(query))]
    return isinstance(mask, Tensor) and mask.dtype == torch.bool and mask.shape in shapes
