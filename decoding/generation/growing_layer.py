"""A cache layer that writes each token where it stays, instead of copying all that was there."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicLayer

SPARE = 64
"""Columns that are reserved at a time, at least: a copy of everything is then due once in so many tokens."""


class GrowingLayer(DynamicLayer):
    """What transformers' `DynamicLayer` is, on memory that is reserved ahead.

    `DynamicLayer` concatenates: it copies the keys and values of all tokens for each new one. Here `keys` and `values`
    are the used columns of two larger tensors.

    Args:
        layer: The layer whose keys and values are taken over.
    """

    def __init__(self, layer: DynamicLayer) -> None:
        super().__init__()
        for name, value in vars(layer).items():
            setattr(self, name, value)
        self._reserved: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """Append keys and values `[rows, heads, new, head_dim]`; return those of all tokens."""
        assert self.keys is not None
        assert self.values is not None
        used, new = self.keys.shape[-2], key_states.shape[-2]
        if self._reserved is None or not self._is_at_its_place() or used + new > self._reserved[0].shape[-2]:
            spare = max(SPARE, new, used // 8)
            self._reserved = _with_room(self.keys, spare), _with_room(self.values, spare)
        keys, values = self._reserved
        keys[..., used : used + new, :] = key_states
        values[..., used : used + new, :] = value_states
        self.keys, self.values = keys[..., : used + new, :], values[..., : used + new, :]
        return self.keys, self.values

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._reserved = None

    def _is_at_its_place(self) -> bool:
        # Reordered and repeated rows are tensors of their own.
        assert self._reserved is not None
        pairs = zip((self.keys, self.values), self._reserved, strict=True)
        return all(
            own is not None and own.data_ptr() == reserved.data_ptr() and own.shape[:2] == reserved.shape[:2]
            for own, reserved in pairs
        )


def let_grow(cache: Any) -> None:  # noqa: ANN401  (each architecture may have its own)
    """Let the layers of full attention of a cache write each token where it stays."""
    layers = getattr(cache, "layers", [])
    for index, layer in enumerate(layers):
        if type(layer) is DynamicLayer and layer.keys is not None and layer.keys.numel():
            layers[index] = GrowingLayer(layer)


def _with_room(states: Tensor, spare: int) -> Tensor:
    room = states.new_empty((*states.shape[:-2], states.shape[-2] + spare, states.shape[-1]))
    room[..., : states.shape[-2], :] = states
    return room
