"""What the models with a limited window share: cutting premises, filling batches, reading a verdict off the windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .base import Judgement, Pair
from .windows import Range, best, windows

NO_ROOM = Judgement(None, failure="the statement fills the model's window and leaves no room for a premise")


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
        """Length of a text in the unit of `window`."""

    def budget(self, hypothesis: str, window: int) -> int:
        """The longest piece of a premise that is read beside `hypothesis`; below 1 where there is no room."""
        return window - self.count(hypothesis)

    @abstractmethod
    def score(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit."""

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """One judgement a pair, in order; the largest support over the windows of a premise that does not fit."""
        chunks = {pair: self._chunks(pair) for pair in dict.fromkeys(pairs)}
        asked = [Pair(pair.premise[start:end], pair.hypothesis) for pair in chunks for start, end in chunks[pair] or []]
        asked = sorted(dict.fromkeys(asked), key=lambda pair: len(pair.premise) + len(pair.hypothesis), reverse=True)
        judged: dict[Pair, Judgement] = {}
        for position in range(0, len(asked), self.batch_size):
            some = asked[position : position + self.batch_size]
            judged.update(zip(some, self.score(some), strict=True))
        return [self._whole(pair, chunks[pair], judged) for pair in pairs]

    def _chunks(self, pair: Pair) -> list[Range] | None:
        """The windows of a pair's premise; none where it is blank, `None` where the hypothesis leaves no room."""
        if not pair.premise.strip():
            return []
        if self.window is None:
            return [(0, len(pair.premise))]
        budget = self.budget(pair.hypothesis, self.window)
        return windows(pair.premise, budget, self.count) if budget >= 1 else None

    def _whole(self, pair: Pair, chunks: list[Range] | None, judged: dict[Pair, Judgement]) -> Judgement:
        if chunks is None:
            return NO_ROOM
        if not chunks:
            return Judgement(0.0)
        of_chunks = [judged[Pair(pair.premise[start:end], pair.hypothesis)] for start, end in chunks]
        return best(chunks, of_chunks, pair.premise)
