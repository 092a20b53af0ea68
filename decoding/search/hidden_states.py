"""Last hidden states: a hook that reads them before the output head, and a buffer that keeps them at unit length."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from transformers import PreTrainedModel

from ..methods.contrastive_search import unit_norm

Select = Callable[[Tensor], Tensor]
"""Takes the hidden states `[batch, width, hidden_size]` of a forward and returns those that need logits."""


def output_head(model: PreTrainedModel) -> nn.Module:
    """Return the module that turns a model's hidden states into logits.

    Raises:
        ValueError: The model has no output embeddings.
    """
    head = model.get_output_embeddings()
    if head is None:
        raise ValueError(f"`model` has to have output embeddings, but {type(model).__name__} has none")
    return head


class LMHeadHook:
    """A forward pre-hook on the output head: reads every last hidden state and passes only the selected ones on.

    The selection happens inside the model's own forward. Whatever a model does after its head (soft caps, scales,
    casts) still happens, and the head, the largest matrix of a small model, runs only for the selected states. The hook
    also makes `output_hidden_states`, which would keep the states of every layer, unnecessary.

    Args:
        head: The module that turns hidden states into logits.
    """

    def __init__(self, head: nn.Module) -> None:
        self._head = head
        self._select: Select | None = None
        self._called = False
        self._thread = 0

    def _before_head(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        del head
        if self._select is None or self._thread != threading.get_ident():  # another thread decodes with this model
            return None
        self._called = True
        hidden, *rest = inputs
        return (self._select(hidden), *rest)

    @contextmanager
    def attached(self) -> Iterator[LMHeadHook]:
        """Register the hook on the head for the length of a `with` block."""
        handle = self._head.register_forward_pre_hook(self._before_head)
        try:
            yield self
        finally:
            handle.remove()

    @contextmanager
    def selecting(self, select: Select) -> Iterator[None]:
        """Apply `select` to the forwards of a `with` block, in the current thread only.

        Raises:
            RuntimeError: The model's forward did not call its output head.
        """
        self._select, self._called, self._thread = select, False, threading.get_ident()
        try:
            yield
        finally:
            self._select = None
        if not self._called:
            raise RuntimeError("the forward of the model does not call its output embeddings")


class HiddenStateBuffer:
    """The hidden states of all tokens so far at unit length: `[batch, length, hidden_size]` float32, preallocated.

    Args:
        padding_mask: `[batch, prompt_length]`, 0 at padding, or None if there is no padding.
        budget: Number of columns to reserve beyond the prompt; the buffer grows when they run out.
    """

    def __init__(self, padding_mask: Tensor | None, budget: int) -> None:
        self._padding_mask = padding_mask
        self._budget = budget
        self._buffer: Tensor | None = None
        self._mask: Tensor | None = None
        self.length = 0

    def append(self, hidden: Tensor) -> None:
        """Append the states `[batch, new, hidden_size]` of consecutive tokens, of any length and floating type."""
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
            # The first chunk of a chunked prefill reserves less room than the whole prompt needs.
            self._mask[:, : prompt.shape[1]] = prompt[:, :capacity]

    @property
    def states(self) -> Tensor:
        """Return a view `[batch, length, hidden_size]` of the states so far."""
        assert self._buffer is not None
        return self._buffer[:, : self.length]

    @property
    def mask(self) -> Tensor | None:
        """Return a view `[batch, length]`, true at real tokens, or None if there is no padding."""
        return None if self._mask is None else self._mask[:, : self.length]
