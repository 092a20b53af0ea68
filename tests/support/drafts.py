"""What stands in for a drafter in tests of drafts: one that knows what will come, and is right as often as wanted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from counterfoil.decoding.generation import drafted_model
from counterfoil.decoding.generation.draft_length import DraftLength
from counterfoil.decoding.views import probes
from counterfoil.decoding.views.forward_recorder import CACHE_NAME, is_empty
from torch import Tensor

from tests.support.tiny_models import VOCABULARY

Mistake = Callable[[random.Random, int], int]


def any_token(draw: random.Random, right: int) -> int:
    """Another token of the vocabulary that begins, ends and pads nothing."""
    return draw.choice([token for token in range(3, VOCABULARY) if token != right])


class Oracle:
    """In the place of a suffix automaton: drafts the answer, with mistakes.

    Args:
        tokens: The prompt.
        answer: What will be generated.
        accuracy: The probability that a drafted token is right.
        mistake: Makes the others.
    """

    match_length = 99

    def __init__(self, tokens: Iterable[int], answer: Sequence[int], accuracy: float, mistake: Mistake) -> None:
        self._start = self._n = len(list(tokens))
        self._answer, self._accuracy, self._mistake = answer, accuracy, mistake
        self._draw = random.Random(str(list(answer)))

    def append(self, token: int) -> None:
        self._n += 1

    def following(self, most: int) -> list[int]:
        coming = self._answer[self._n - self._start :][:most]
        hit = [self._draw.random() < self._accuracy for _ in coming]
        return [t if right else self._mistake(self._draw, t) for t, right in zip(coming, hit, strict=True)]


@contextmanager
def longest_drafts() -> Iterator[None]:
    """Let drafts be as long as they may be, whatever has become of those before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DraftLength, "best", lambda self, matches, most: most)
        yield


@contextmanager
def drafting(
    answers: Tensor, prompt_length: int, *, accuracy: float = 0.8, mistake: Mistake = any_token
) -> Iterator[None]:
    """Let batched views draft what these sequences `[rows, length]` have behind their prompts, as much as they may."""
    rows = iter(answers[:, prompt_length:].tolist())
    with longest_drafts(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafted_model, "SuffixAutomaton", lambda tokens: Oracle(tokens, next(rows), accuracy, mistake))
        yield


@contextmanager
def counted_forwards(model: torch.nn.Module) -> Iterator[list[tuple[int, int]]]:
    """Yield the shapes `[rows, tokens]` of what the model reads, forward by forward; trials of the model aside.

    Of the prompts, which are read apart if their lengths are unlike, the first is counted.
    """
    shapes: list[tuple[int, int]] = []
    try_model = probes._tried

    def tried(*arguments: Any) -> str | None:
        before = list(shapes)
        reason = try_model(*arguments)
        shapes[:] = before
        return reason

    def count(_: Any, __: Any, given: dict[str, Any]) -> None:
        if not shapes or not is_empty(given.get(CACHE_NAME)):
            shapes.append(tuple(given["input_ids"].shape))

    hook = model.register_forward_pre_hook(count, with_kwargs=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "_tried", tried)
        try:
            yield shapes
        finally:
            hook.remove()
