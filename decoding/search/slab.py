"""Keys and values of many layers in one preallocated tensor, so that all of them move in one copy."""

from __future__ import annotations

import torch
from torch import Tensor


class Slab:
    """Places for cached states of one shape: `[places, batch, heads, capacity, head_dim]`.

    Args:
        like: States `[batch, heads, new, head_dim]` of the first layer to be stored.
        places: How many layers' keys or values there is room for.
        capacity: Columns.
    """

    def __init__(self, like: Tensor, places: int, capacity: int) -> None:
        batch, heads, _, head_dim = like.shape
        self._buffer = like.new_empty((places, batch, heads, capacity, head_dim))
        self._rows = torch.arange(batch, device=like.device)
        self._taken = 0

    def take_place(self) -> int:
        """The next free place."""
        if self._taken == self._buffer.shape[0]:
            self._buffer = torch.cat((self._buffer, torch.empty_like(self._buffer)))
        self._taken += 1
        return self._taken - 1

    def columns(self, start: int, end: int) -> tuple[Tensor, ...]:
        """Views `[batch, heads, end - start, head_dim]`, one for each place taken."""
        return self._buffer[: self._taken, :, :, start:end].unbind(0)

    def view(self, place: int, start: int, end: int) -> Tensor:
        """The view `[batch, heads, end - start, head_dim]` of one place."""
        return self._buffer[place, :, :, start:end]

    def grow(self, capacity: int) -> None:
        """Makes room for `capacity` columns and keeps what is stored."""
        places, batch, heads, used, head_dim = self._buffer.shape
        grown = self._buffer.new_empty((places, batch, heads, capacity, head_dim))
        grown[:, :, :, :used] = self._buffer
        self._buffer = grown

    def move_to_front(self, start: int, end: int) -> None:
        """Copies columns `start` to `end` to the beginning; the two stretches must not overlap."""
        self._buffer[:, :, :, : end - start] = self._buffer[:, :, :, start:end]

    def keep(self, at: int, chosen: Tensor) -> None:
        """Copies column `at + chosen[row]` of each row to column `at`.

        Args:
            at: The first candidate's column.
            chosen: `[batch]` index of the candidate to keep in each row.
        """
        taken = self._buffer[: self._taken]
        winners = taken[:, self._rows, :, chosen.to(taken.device) + at]
        taken[:, :, :, at] = winners.transpose(0, 1)
