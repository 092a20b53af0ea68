"""Where the layers of one kind keep their keys and values."""

from __future__ import annotations

from torch import Tensor

from .slab import Slab

Place = tuple[Slab, int]


class Shelf:
    """The slabs of all layers with the same window, which fill, slide and grow together.

    Args:
        window: Width of the sliding window, or None for full attention.
        layers: Number of layers on this shelf.
        budget: Columns to reserve beyond the prompt.
    """

    def __init__(self, window: int | None, layers: int, budget: int) -> None:
        self.reach = None if window is None else window - 1
        self.stored = 0
        self.slabs: dict[tuple[object, ...], Slab] = {}
        self._layers, self._budget = layers, budget
        self._capacity = 0

    def place(self, states: Tensor, other: Tensor, columns: int) -> Place:
        """A place for a layer's keys or values.

        Args:
            states: The first keys (or values) of the layer.
            other: Its values (or keys), which share the slab where they have the same shape.
            columns: How many columns of the prompt will be stored.
        """
        if not self._capacity:
            # Twice the window lets a full buffer slide to its front without overlap, once in a window's time.
            most = columns + self._budget
            self._capacity = most if self.reach is None else min(most, 2 * self.reach + self._budget)
        shape = (states.shape[1], states.shape[3], states.dtype, states.device)
        if shape not in self.slabs:
            alike = other.shape == states.shape
            self.slabs[shape] = Slab(states, self._layers * (2 if alike else 1), self._capacity)
        return self.slabs[shape], self.slabs[shape].take_place()

    @property
    def first_visible(self) -> int:
        """The first stored column that the next token sees."""
        return 0 if self.reach is None else max(0, self.stored - self.reach)

    def reserve(self, end: int) -> None:
        """Grows until there are `end` columns."""
        if end > self._capacity:
            self._capacity = end + max(self._budget, end // 2)
            for slab in self.slabs.values():
                slab.grow(self._capacity)

    def make_room(self, columns: int) -> None:
        """Finds room for more columns: by sliding where there is a window, else by growing."""
        full = self.stored + columns > self._capacity
        if full and self.reach is not None and self.stored >= 2 * self.reach:
            for slab in self.slabs.values():
                slab.move_to_front(self.first_visible, self.stored)
            self.stored = self.reach
        self.reserve(self.stored + columns)
