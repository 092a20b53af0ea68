"""An entailment model that judges as little as it can: each pair once, in the best order, remembered on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import EntailmentModel, Judgement, Pair
from .cache import JudgementCache


@dataclass(frozen=True)
class Progress:
    """How far an engine has come since it was made.

    Args:
        asked: Different pairs asked for.
        judged: Pairs the model judged.
        remembered: Pairs found in the cache.
        failed: Pairs the model gave no verdict on, among those judged.
    """

    asked: int = 0
    judged: int = 0
    remembered: int = 0
    failed: int = 0


class Engine:
    """Wraps a model, and is one: pass it wherever an entailment model is taken.

    Pairs are made unique, looked up, sorted by length so that those of a batch need little padding, and handed to the
    model in batches; each batch is on disk before the next one begins, so a killed run loses at most one batch.

    Args:
        model: Who judges.
        cache: Where judgements are kept; `None` for no longer than one call.
        batch: How many pairs the model is given at once. Scores do not depend on it.
        on_progress: Called after every batch and every look-up.

    Raises:
        ValueError: Where `batch` is below 1.
    """

    def __init__(
        self,
        model: EntailmentModel,
        *,
        cache: JudgementCache | None = None,
        batch: int = 256,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"`batch` has to be at least 1, but is {batch}")
        self.name = model.name
        self.threshold = model.threshold
        self.progress = Progress()
        self._model = model
        self._cache = cache
        self._batch = batch
        self._on_progress = on_progress

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """One judgement a pair, in order."""
        unique = list(dict.fromkeys(pairs))
        known = self._looked_up(unique)
        self._report(asked=len(unique), remembered=len(known))
        open_pairs = sorted((pair for pair in unique if pair not in known), key=_length, reverse=True)
        for start in range(0, len(open_pairs), self._batch):
            some = open_pairs[start : start + self._batch]
            judgements = self._model.judge(some)
            known.update(zip(some, judgements, strict=True))
            if self._cache is not None:
                self._cache.put(zip(some, judgements, strict=True))
            self._report(judged=len(some), failed=sum(j.failure is not None for j in judgements))
        return [known[pair] for pair in pairs]

    def _looked_up(self, pairs: Sequence[Pair]) -> dict[Pair, Judgement]:
        if self._cache is None:
            return {}
        found = ((pair, self._cache.get(pair)) for pair in pairs)
        return {pair: judgement for pair, judgement in found if judgement is not None}

    def _report(self, *, asked: int = 0, judged: int = 0, remembered: int = 0, failed: int = 0) -> None:
        before = self.progress
        self.progress = Progress(
            before.asked + asked,
            before.judged + judged,
            before.remembered + remembered,
            before.failed + failed,
        )
        if self._on_progress is not None:
            self._on_progress(self.progress)


def _length(pair: Pair) -> int:
    return len(pair.premise) + len(pair.hypothesis)
