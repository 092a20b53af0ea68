"""Asking an entailment model in rounds: everything that can be asked at once is asked at once.

The check of one statement is a generator that yields the pairs it needs next and is sent their judgements. :func:`run`
advances any number of them side by side, so that the first round holds the first questions of all statements of all
answers, the next one their second questions, and no pair is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import TypeVar

from ..serialization import without_surrogates
from .base import Judgement, Pair

T = TypeVar("T")
Steps = Generator[list[Pair], list[Judgement], T]
"""Yields the pairs of one round, is sent their judgements in order, returns a result."""

EMPTY_PREMISE = Judgement(None, failure="the cited document is empty")


def run(steps: Steps[T], judge: Callable[[Sequence[Pair]], list[Judgement]]) -> T:
    """Return the result of `steps`; `judge` is called once a round, with the pairs that no earlier round had.

    Args:
        steps: The questions; :func:`together` makes one of many.
        judge: Returns one judgement a pair, in order. Pairs with a blank premise never reach it: their judgement is a
            failure.

    Raises:
        ValueError: If `judge` returns another number of judgements than it was given pairs.
    """
    known: dict[Pair, Judgement] = {}
    answers: list[Judgement] | None = None
    while True:
        try:
            asked = next(steps) if answers is None else steps.send(answers)
        except StopIteration as stop:
            return stop.value
        known.update(judged_once([pair for pair in asked if pair not in known], judge))
        answers = [known[pair] for pair in asked]


def judged_once(pairs: Iterable[Pair], judge: Callable[[Sequence[Pair]], list[Judgement]]) -> Mapping[Pair, Judgement]:
    """Return the judgement of each pair; `judge` is called once, with different pairs, or not at all.

    Args:
        pairs: What is asked.
        judge: As for :func:`run`.

    Raises:
        ValueError: As for :func:`run`.
    """
    known = dict.fromkeys(pairs, EMPTY_PREMISE)
    asked = [pair for pair in known if pair.premise.strip()]
    judged = judge([Pair(*map(without_surrogates, pair)) for pair in asked]) if asked else []
    if len(judged) != len(asked):
        raise ValueError(
            f"an entailment model has to return one judgement a pair, but returned {len(judged)} for {len(asked)} pairs"
        )
    return {**known, **dict(zip(asked, judged, strict=True))}


def together(all_steps: Iterable[Steps[T]]) -> Steps[list[T]]:
    """Combine many generators into one that advances them side by side; it returns their results, in order."""
    live: dict[int, tuple[Steps[T], list[Pair]]] = {}
    done: dict[int, T] = {}

    def advance(number: int, steps: Steps[T], answers: list[Judgement] | None) -> None:
        try:
            live[number] = (steps, next(steps) if answers is None else steps.send(answers))
        except StopIteration as stop:
            live.pop(number, None)
            done[number] = stop.value

    for number, steps in enumerate(all_steps):
        advance(number, steps, None)
    while live:
        judgements = yield [pair for _, pairs in live.values() for pair in pairs]
        position = 0
        for number, (steps, pairs) in list(live.items()):
            answers = judgements[position : position + len(pairs)]
            position += len(pairs)
            advance(number, steps, answers)
    return [done[number] for number in sorted(done)]
