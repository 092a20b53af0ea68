"""A key-value cache that takes k candidates for one position and keeps one of them."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import Cache, DynamicCache, PretrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from .slab import Slab


class Shelf:
    """The slabs of all layers with the same window, which fill, slide and grow together.

    Args:
        window: Width of the sliding window, or None for full attention.
        layers: Number of layers on this shelf.
        budget: Columns to reserve beyond the prompt.
    """

    def __init__(self, window: int | None, layers: int, budget: int) -> None:
        self._reach = None if window is None else window - 1
        self._layers, self._budget = layers, budget
        self._slabs: dict[tuple[object, ...], Slab] = {}
        self._capacity = 0
        self.stored = 0

    def place(self, states: Tensor, other: Tensor) -> tuple[Slab, int]:
        """A place for one layer's keys or values; `other` are its values or keys."""
        if not self._capacity:
            new = states.shape[2] if self._reach is None else min(states.shape[2], self._reach)
            # Twice the window lets a full buffer slide to its front without overlap, once in a window's time.
            room = self._budget if self._reach is None else min(self._budget, self._reach)
            self._capacity = new + room
        shape = (states.shape[1], states.shape[3], states.dtype, states.device)
        if shape not in self._slabs:
            alike = other.shape == states.shape
            self._slabs[shape] = Slab(states, self._layers * (2 if alike else 1), self._capacity)
        return self._slabs[shape], self._slabs[shape].take_place()

    def shown(self, new: Tensor, earlier: Tensor | None) -> Tensor:
        """What a layer keeps of its earlier and new states while the prompt is read: all, or the window's reach."""
        del earlier
        return new if self._reach is None else new[:, :, max(0, new.shape[2] - self._reach) :]

    @property
    def first_visible(self) -> int:
        """The first stored column that the next token sees."""
        return 0 if self._reach is None else max(0, self.stored - self._reach)

    def reserve(self, columns: int) -> None:
        """Makes room for more columns, by sliding or by growing."""
        if self.stored + columns <= self._capacity:
            return
        if self._reach is not None and self.stored >= 2 * self._reach:
            for slab in self._slabs.values():
                slab.move_to_front(self.first_visible, self.stored)
            self.stored = self._reach
        if self.stored + columns > self._capacity:
            self._capacity = self.stored + columns + max(self._budget, self.stored // 2)
            for slab in self._slabs.values():
                slab.grow(self._capacity, self.stored)
