"""Interface of entailment models, and the base of those that read a limited window.

Scoring, citing and localisation know an :class:`EntailmentModel` only. A model is given many pairs at once and owns
batching, windows and devices; the caller owns what the answers mean.

A premise that does not fit beside its hypothesis is cut at sentence ends into windows that together hold all of it; the
hypothesis is never cut. Support is the largest over the windows, and so is contradiction.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from ..detail_check.findings import Finding
from ..text.segmentation import sentences

Range = tuple[int, int]


class Pair(NamedTuple):
    """`premise` is source text, `hypothesis` is the statement that it may support."""

    premise: str
    hypothesis: str


@dataclass(frozen=True)
class Judgement:
    """The verdict of a model on one pair.

    Args:
        supported: Probability in [0, 1] that the premise supports the hypothesis; `None` if the model failed. NaN, here
            and in the others, is a failure.
        contradicted: Probability that it contradicts it, if the model tells that from silence, else `None`.
        chunk: Half-open range of the premise that `supported` was read from, if the premise was longer than the model's
            window; `None` for the whole premise.
        failure: Why there is no verdict. A model that failed has not said "not supported".
        reason: The model's own words, if it gives any.
        partial: Probability that it supports only a part of the hypothesis, if the model tells that apart.
        decided: The model's own verdict, if it gives one that is more than a comparison with the threshold (the decoded
            label of a text-to-text model); ALCE counts this one.
        details: What the detail check found; places in the source count from the beginning of the premise.
    """

    supported: float | None
    contradicted: float | None = None
    chunk: Range | None = None
    failure: str | None = None
    reason: str | None = None
    partial: float | None = None
    decided: bool | None = None
    details: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if (self.supported is None) == (self.failure is None):
            raise ValueError("a judgement has to hold either a probability or a failure")
        names = ("supported", "contradicted", "partial")
        if any(value is not None and math.isnan(value) for value in (getattr(self, name) for name in names)):
            failed = {
                **dict.fromkeys(names),
                "decided": None,
                "failure": self.failure or "the model's output is not a number (NaN)",
            }
            for name, value in failed.items():
                object.__setattr__(self, name, value)
        if self.failure is not None and not self.failure.strip():
            object.__setattr__(self, "failure", "the model gave no reason")
        for name in names:
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"`{name}` has to be in [0, 1], but is {value}")


CONTRADICTED_FROM = 0.5
"""A statement is contradicted if contradiction is at least this probable and more probable than support."""


def supports(judgement: Judgement, threshold: float) -> bool:
    """Return whether the probability reaches the threshold; `False` if there is none."""
    return judgement.supported is not None and judgement.supported >= threshold


def bonferroni_threshold(threshold: float, n_tried: int) -> float:
    """Return the threshold for the best of `n_tried` sets of documents (Bonferroni's correction).

    A judge that errs once in a while finds support somewhere if it is asked often enough, and it misreads texts about
    different things the more easily the more of them are put together. So the error that the threshold allows,
    `1 - threshold`, is divided by the number of sets that were tried.
    """
    return 1.0 - (1.0 - threshold) / n_tried


def contradicts(judgement: Judgement) -> bool:
    """Return whether contradiction dominates: at least :data:`CONTRADICTED_FROM`, and above support."""
    contradicted = judgement.contradicted
    if contradicted is None or judgement.supported is None:
        return False
    return contradicted >= CONTRADICTED_FROM and contradicted > judgement.supported


@runtime_checkable
class EntailmentModel(Protocol):
    """Anything that judges pairs.

    Attributes:
        name: Identifies model, revision and settings; part of every cache key and of every report.
        threshold: A pair counts as supported if `supported >= threshold`.
    """

    name: str
    threshold: float

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return one judgement a pair, in order.

        Does not raise for a pair that cannot be judged: the judgement of that pair is a failure.
        """
        ...


def judgements_of(model: EntailmentModel, pairs: Sequence[Pair]) -> list[Judgement]:
    """Return what a model judges of pairs, which may be anybody's model.

    Raises:
        TypeError: If it returns anything else than judgements.
        ValueError: If it returns another number of them than it was given pairs.
    """
    given: object = model.judge(pairs)
    judged = list(given) if isinstance(given, Iterable) else [given]
    strangers = [each for each in judged if not isinstance(each, Judgement)]
    if strangers:
        kind = type(strangers[0]).__name__
        raise TypeError(f"the entailment model {model.name} has to return judgements, but returned a {kind}")
    if len(judged) != len(pairs):
        raise ValueError(
            f"the entailment model {model.name} has to return {len(pairs)} judgements, but returned {len(judged)}"
        )
    return [each for each in judged if isinstance(each, Judgement)]


class WindowedEntailment(ABC):
    """A model that judges batches of pairs, each short enough for it.

    Args:
        name: Identifies model, revision and settings.
        threshold: A pair counts as supported from this probability on, in [0, 1].
        window: The most that premise and hypothesis may have together, counted by :meth:`count`; `None` for no limit.
        batch_size: How many windows are scored at once. Scores do not depend on it.

    Raises:
        ValueError: For values outside these ranges.
    """

    def __init__(self, *, name: str, threshold: float, window: int | None, batch_size: int) -> None:
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"`threshold` has to be in [0, 1], but is {threshold}")
        if window is not None and window < 1:
            raise ValueError(f"`window` has to be at least 1 or None, but is {window}")
        if batch_size < 1:
            raise ValueError(f"`batch_size` has to be at least 1, but is {batch_size}")
        self.name = name
        self.threshold = threshold
        self.window = window
        self.batch_size = batch_size

    @abstractmethod
    def count(self, text: str) -> int:
        """Return the length of a text in the unit of `window`."""

    def budget(self, hypothesis: str, window: int) -> int:
        """Return the length of the longest piece of a premise that fits beside `hypothesis`; below 1 if none does."""
        return window - self.count(hypothesis)

    @abstractmethod
    def score(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit."""

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return one judgement a pair, in order; the largest support over the windows of a long premise."""
        chunks = {pair: self._chunks(pair) for pair in dict.fromkeys(pairs)}
        asked = [Pair(pair.premise[start:end], pair.hypothesis) for pair in chunks for start, end in chunks[pair] or []]
        asked = sorted(dict.fromkeys(asked), key=lambda pair: len(pair.premise) + len(pair.hypothesis), reverse=True)
        judged: dict[Pair, Judgement] = {}
        for position in range(0, len(asked), self.batch_size):
            some = asked[position : position + self.batch_size]
            judged.update(zip(some, self.score(some), strict=True))
        return [self._whole(pair, chunks[pair], judged) for pair in pairs]

    def _chunks(self, pair: Pair) -> list[Range] | None:
        """Return the windows of a premise; none if it is blank, `None` if the hypothesis leaves no room."""
        if not pair.premise.strip():
            return []
        if self.window is None:
            return [(0, len(pair.premise))]
        budget = self.budget(pair.hypothesis, self.window)
        return windows(pair.premise, budget, self.count) if budget >= 1 else None

    def _whole(self, pair: Pair, chunks: list[Range] | None, judged: dict[Pair, Judgement]) -> Judgement:
        if chunks is None:
            why = "the statement fills the model's window and leaves no room for a premise"
            return Judgement(None, failure=why)
        if not chunks:
            return Judgement(0.0)
        of_chunks = [judged[Pair(pair.premise[start:end], pair.hypothesis)] for start, end in chunks]
        return best(chunks, of_chunks, pair.premise)


def windows(premise: str, budget: int, count: Callable[[str], int]) -> list[Range]:
    """Return half-open ranges of `premise`, each of at most `budget` tokens, which together hold every sentence.

    A window takes as many whole sentences as fit. A sentence that alone is too long is cut between words, a word that
    alone is too long between characters.

    Args:
        premise: The text to cut; `[(0, len(premise))]` is returned if it fits.
        budget: Tokens that one window may have, at least 1.
        count: Returns how many tokens a text has, without special tokens.

    Raises:
        ValueError: If the budget is below one token, that is, if the hypothesis alone fills the model's window.
    """
    if budget < 1:
        raise ValueError(
            f"`budget` has to be at least 1 token, but is {budget}: the hypothesis leaves no room for a premise"
        )
    if count(premise) <= budget:
        return [(0, len(premise))]
    pieces = [
        piece
        for sentence in sentences(premise)
        for piece in _fitting(premise, sentence.start, sentence.end, budget, count)
    ]
    return list(_filled(premise, pieces, budget, count))


def best(chunks: Sequence[Range], judgements: Sequence[Judgement], premise: str) -> Judgement:
    """Return the judgement of a whole premise, given those of its windows in the same order.

    Support and contradiction are the largest over the windows. If a window has no verdict, the premise has none, unless
    another window already supports the hypothesis: nothing unread could take that back.
    """
    failed = [judgement for judgement in judgements if judgement.supported is None]
    judged = [(j.supported, n) for n, j in enumerate(judgements) if j.supported is not None]
    if failed and not any(support >= 0.5 for support, _ in judged):
        return failed[0]
    _, position = max(judged, key=lambda entry: (entry[0], -entry[1]))
    top = judgements[position]
    whole = len(chunks) == 1 and chunks[0] == (0, len(premise))
    contradictions = [j.contradicted for j in judgements if j.contradicted is not None]
    return Judgement(
        supported=top.supported,
        contradicted=max(contradictions, default=None),
        partial=max((j.partial for j in judgements if j.partial is not None), default=None),
        decided=top.decided,
        chunk=None if whole else chunks[position],
        reason=top.reason,
        details=top.details,
    )


def _fitting(text: str, start: int, end: int, budget: int, count: Callable[[str], int]) -> Iterator[Range]:
    """Yield `[start, end)` itself if it fits, else its two halves, cut between words if there are any."""
    if end - start <= 1 or count(text[start:end]) <= budget:
        yield start, end
        return
    middle = (start + end) // 2
    space = text.rfind(" ", start + 1, middle)
    cut = space if space > start else middle
    yield from _fitting(text, start, cut, budget, count)
    yield from _fitting(text, cut, end, budget, count)


def _filled(text: str, pieces: list[Range], budget: int, count: Callable[[str], int]) -> Iterator[Range]:
    """Yield neighbouring pieces joined as far as they fit.

    The counts of the pieces are added up first, because counting every growing prefix would be quadratic; the sum is
    checked on the joined text, since a tokenizer may need more tokens for the whole than for its parts.
    """
    start = end = None
    used = 0
    for left, right in pieces:
        size = count(text[left:right])
        if start is not None and end is not None:
            if used + size <= budget and count(text[start:right]) <= budget:
                end, used = right, used + size
                continue
            yield start, end
        start, end, used = left, right, size
    if start is not None and end is not None:
        yield start, end
