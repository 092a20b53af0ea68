"""The unit-length hidden states of all tokens so far, appended to and never copied again."""

from __future__ import annotations

from torch import Tensor

from ..methods.contrastive_search import unit_norm


class HiddenHistory:
    """A growing `[batch, length, hidden_size]` float32 tensor in a preallocated buffer.

    Args:
        padding_mask: `[batch, prompt_length]`, 0 at padding, or None where there is none.
        budget: Columns to reserve beyond the prompt; more are taken when they run out.
    """

    def __init__(self, padding_mask: Tensor | None, budget: int) -> None:
        self._padding_mask = padding_mask
        self._budget = budget
        self._buffer: Tensor | None = None
        self._mask: Tensor | None = None
        self.length = 0

    def extend(self, hidden: Tensor) -> None:
        """Appends the states `[batch, new, hidden_size]` of consecutive tokens, whatever their length and type."""
        new_length = self.length + hidden.shape[1]
        if self._buffer is None or new_length > self._buffer.shape[1]:
            self._grow(hidden, new_length + max(self._budget, new_length // 2 if self.length else 0))
        assert self._buffer is not None
        self._buffer[:, self.length : new_length] = unit_norm(hidden)
        self.length = new_length

    def _grow(self, hidden: Tensor, capacity: int) -> None:
        grown = hidden.new_empty((hidden.shape[0], capacity, hidden.shape[2]), dtype=unit_norm(hidden[:0]).dtype)
        if self._buffer is not None:
            grown[:, : self.length] = self._buffer[:, : self.length]
        self._buffer = grown
        if self._padding_mask is not None:
            prompt = self._padding_mask.to(device=hidden.device).bool()
            self._mask = prompt.new_ones((prompt.shape[0], capacity))
            # A prompt that is read in chunks is longer than what there is room for yet.
            self._mask[:, : prompt.shape[1]] = prompt[:, :capacity]

    @property
    def states(self) -> Tensor:
        """View `[batch, length, hidden_size]` of the states so far."""
        assert self._buffer is not None
        return self._buffer[:, : self.length]

    @property
    def mask(self) -> Tensor | None:
        """View `[batch, length]` of the real tokens, or None where nothing is padding."""
        return None if self._mask is None else self._mask[:, : self.length]
