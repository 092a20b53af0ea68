"""A tap before the output head: every hidden state is seen, the chosen ones go on to the head."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from transformers import PreTrainedModel

Choose = Callable[[Tensor], Tensor]
"""Takes the hidden states `[batch, width, hidden_size]` and returns those that need logits."""


def output_head(model: PreTrainedModel) -> nn.Module:
    """The module that turns a model's hidden states into logits.

    Raises:
        ValueError: If the model has none.
    """
    head = model.get_output_embeddings()
    if head is None:
        raise ValueError(f"`model` has to have output embeddings, but {type(model).__name__} has none")
    return head


class HeadTap:
    """Narrows what a model's output head is given.

    The choice is made inside the model's own forward, so whatever a model does after its head (soft caps, scales,
    casts) still happens, and yet the head, the largest matrix of a small model, runs for the chosen states only.
    It also needs no `output_hidden_states`, which would keep every layer's states.

    Args:
        head: The module that turns hidden states into logits.
    """

    def __init__(self, head: nn.Module) -> None:
        self._head = head
        self._choose: Choose | None = None
        self._fired = False
        self._thread = 0

    def _before_head(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        del head
        if self._choose is None or self._thread != threading.get_ident():  # another thread decodes with the model too
            return None
        self._fired = True
        hidden, *rest = inputs
        return (self._choose(hidden), *rest)

    @contextmanager
    def attached(self) -> Iterator[HeadTap]:
        """Hooks the tap into the head for the length of a `with` block."""
        handle = self._head.register_forward_pre_hook(self._before_head)
        try:
            yield self
        finally:
            handle.remove()

    @contextmanager
    def choosing(self, choose: Choose) -> Iterator[None]:
        """Applies `choose` to the forwards of a `with` block, in its own thread alone.

        Raises:
            RuntimeError: If the model's forward did not go through the head.
        """
        self._choose, self._fired, self._thread = choose, False, threading.get_ident()
        try:
            yield
        finally:
            self._choose = None
        if not self._fired:
            raise RuntimeError("the forward of the model does not call its output embeddings")
