"""Rows of several caches as the rows of one, and one cache as the beginning of several rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache, cache_utils
from transformers.cache_utils import DynamicLayer

_PER_TOKEN = {"keys": -2, "values": -2, "indexer_keys": 1}
"""What layers hold for each token, and along which axis."""
_PER_ROW = ("conv_states", "recurrent_states")
"""What layers hold for each row, by the number of the state."""
_KINDS = (
    "DynamicLayer",
    "DynamicSlidingWindowLayer",
    "DynamicIndexedLayer",
    "LinearAttentionLayer",
    "LinearAttentionAndFullAttentionLayer",
    "LinearAttentionAndSlidingWindowAttentionLayer",
)
_KNOWN = tuple(getattr(cache_utils, name) for name in _KINDS if hasattr(cache_utils, name))


@dataclass(frozen=True)
class CachedRows:
    """Some rows of a cache.

    Attributes:
        cache: The cache.
        rows: Which of its rows.
        width: How many columns have been read on it, without what a model puts in front of every prompt.
    """

    cache: Any
    rows: slice
    width: int


def check_known_layers(cache: Any) -> None:  # noqa: ANN401  (each architecture may have its own)
    """Reject a cache whose rows cannot be put beside those of another.

    Raises:
        ValueError: It has layers whose state is not known here.
    """
    unknown = {type(layer).__name__ for layer in getattr(cache, "layers", ()) if type(layer) not in _KNOWN}
    if type(cache) is not DynamicCache or unknown:
        kinds = ", ".join(sorted(unknown)) or type(cache).__name__
        raise ValueError(f"a cache has to have layers of known kinds to be put beside another, but has {kinds}")


def put_side_by_side(parts: Sequence[CachedRows]) -> DynamicCache:
    """Return the rows of several caches as one, padded on the left as their prompts are.

    Windows keep the last columns of each row, so that the shorter ones are padded to what the longest has kept. The
    columns of prefixes that a model puts in front of all prompts (PEFT) stay in front of the padding.

    Args:
        parts: The rows in their order. The first one's cache becomes the one that is returned: whoever follows the
            sequences on it goes on following them.

    Raises:
        ValueError: A cache has layers whose state is not known here.
    """
    first = parts[0].cache
    for part in parts:
        check_known_layers(part.cache)
    for index, layer in enumerate(first.layers):
        layers = [part.cache.layers[index] for part in parts]
        in_front = [_columns_in_front(part, each) for part, each in zip(parts, layers, strict=True)]
        for name, axis in _PER_TOKEN.items():
            if isinstance(getattr(layer, name, None), Tensor):
                held = [getattr(each, name)[part.rows] for part, each in zip(parts, layers, strict=True)]
                setattr(layer, name, _padded_together(held, in_front, axis))
        for name in _PER_ROW:
            for number, state in getattr(layer, name, {}).items():
                if isinstance(state, Tensor):
                    held = [getattr(each, name)[number][part.rows] for part, each in zip(parts, layers, strict=True)]
                    getattr(layer, name)[number] = torch.cat(held)
        if hasattr(layer, "cumulative_length"):
            layer.cumulative_length = max(each.cumulative_length for each in layers)
    return first


def begun_with(cache: Any, source: Tensor, padding: Sequence[int], columns: int) -> DynamicCache:  # noqa: ANN401
    """Return a cache whose rows begin with what another has read, behind their padding.

    Args:
        cache: Of the beginnings, without padding.
        source: `[rows]` which row of it each begins with.
        padding: How many columns of padding each row has.
        columns: How many columns the rows get: padding, and as much of the beginning as there is room for.

    Raises:
        ValueError: The cache has layers other than those of full attention, or holds more than the prompts.
    """
    kinds = {type(layer) for layer in getattr(cache, "layers", ())}
    held = {layer.get_seq_length() for layer in cache.layers} if kinds == {DynamicLayer} else set()
    if type(cache) is not DynamicCache or held != {columns - min(padding)}:
        kind = ", ".join(sorted(kind.__name__ for kind in kinds)) or type(cache).__name__
        raise ValueError(
            f"a cache has to have full attention of {columns - min(padding)} columns to begin several rows, but has "
            f"{kind} of {sorted(held)}"
        )
    begun = copy.copy(cache)
    layers: list[Any] = [copy.copy(layer) for layer in cache.layers]
    begun.layers = layers
    for layer in layers:
        layer.keys, layer.values = (
            _behind_padding(state[source], padding, columns) for state in (layer.keys, layer.values)
        )
    return begun


def _columns_in_front(part: CachedRows, layer: Any) -> int:  # noqa: ANN401
    if not isinstance(getattr(layer, "keys", None), Tensor):
        return 0
    in_front = layer.get_seq_length() - part.width
    if in_front and hasattr(layer, "cumulative_length"):
        raise ValueError(
            f"a window has to have read the {part.width} columns of its prompt to be put beside another, but has read "
            f"{in_front + part.width}"
        )
    return in_front


def _padded_together(held: Sequence[Tensor], in_front: Sequence[int], axis: int) -> Tensor:
    longest = max(states.shape[axis] for states in held)
    padded: list[Tensor] = []
    for states, before in zip(held, in_front, strict=True):
        missing = longest - states.shape[axis]
        if missing and before:
            front, own = states.split([before, states.shape[axis] - before], dim=axis)
            padded.append(torch.cat([front, _padded(own, missing, axis)], dim=axis))
        else:
            padded.append(_padded(states, missing, axis))
    return torch.cat(padded)


def _padded(states: Tensor, missing: int, axis: int) -> Tensor:
    behind = states.dim() - 1 - axis % states.dim()  # axes that `pad` names before this one
    return functional.pad(states, (*(0, 0) * behind, missing, 0)) if missing else states


def _behind_padding(states: Tensor, padding: Sequence[int], columns: int) -> Tensor:
    if len(set(padding)) == 1 and not padding[0]:
        return states
    rows = zip(states.split(1), padding, strict=True)
    return torch.cat([_padded(row[..., : max(columns - own, 0), :], min(own, columns), -2) for row, own in rows])
