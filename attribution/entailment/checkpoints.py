"""Loading a Hugging Face checkpoint for judging, and running it on batches that may not fit into memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from counterfoil.models.checkpoints import in_halves, revision_of

from .base import Judgement, Pair
from .windowed import WindowedEntailment

SLACK = 8
"""Tokens kept free, since a tokenizer may need a few more for a joined text than for its parts."""


class CheckpointEntailment(WindowedEntailment):
    """A model that judges by one forward, or one short answer, of a checkpoint.

    Args:
        tokenizer: The checkpoint's.
        model: The checkpoint, on its device.
        count: Length of a text in the unit of `window`; `None` for tokens.
        name: As for :class:`WindowedEntailment`, and so are the other three.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 (any transformers tokenizer)
        model: Any,  # noqa: ANN401 (any transformers model)
        *,
        count: Callable[[str], int] | None = None,
        name: str,
        threshold: float,
        window: int | None,
        batch_size: int,
    ) -> None:
        super().__init__(name=name, threshold=threshold, window=window, batch_size=batch_size)
        self.tokenizer = tokenizer
        self.model = model
        self._count = count or counter(tokenizer)

    def count(self, text: str) -> int:
        """Length in the unit of `window`."""
        return self._count(text)

    def score(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit."""
        with torch.inference_mode():
            return in_memory(self.forward, pairs)

    @abstractmethod
    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit, and may run out of memory."""


def full_name(kind: str, model: str, loaded: Any) -> str:  # noqa: ANN401 (any transformers model)
    """Return `kind:model@revision+precision`: judgements are remembered by it, so it holds what they depend on.

    The revision is the commit that was loaded, or a digest of the files of a folder; the precision is left out if it is
    float32.
    """
    revision = revision_of(model, loaded)
    precision = str(loaded.dtype).removeprefix("torch.")
    return (
        f"{kind}:{model}" + (f"@{revision}" if revision else "") + ("" if precision == "float32" else f"+{precision}")
    )


def counter(tokenizer: Any) -> Callable[[str], int]:  # noqa: ANN401 (any transformers tokenizer)
    """How many tokens a text has without special ones; longer ones than the model's window raise no warning."""
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def in_memory(score: Callable[[Sequence[Pair]], list[Judgement]], pairs: Sequence[Pair]) -> list[Judgement]:
    """`score(pairs)`, in halves where the whole does not fit into memory; one pair that does not fit is a failure."""
    return in_halves(score, pairs, Judgement(None, failure="the pair does not fit into the device's memory"))
