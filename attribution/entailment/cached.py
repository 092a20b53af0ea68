"""An entailment model that judges each pair once, in the best order, and remembers the judgements on disk.

Values are JSON in SQLite, never pickles, and no pickle that somebody else put there is opened: a cache folder can be
shared without trusting who wrote it with more than the scores.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from ..detail_check import Finding
from ..serialization import from_data
from ..statistics import Reliability
from .base import EntailmentModel, Judgement, Pair, judgements_of


@dataclass(frozen=True)
class Progress:
    """How far a :class:`CachedEntailment` has come since it was made.

    Args:
        asked: Different pairs asked for.
        judged: Pairs that the model judged.
        remembered: Pairs found in the cache.
        failed: Pairs that the model gave no verdict on, among those judged.
    """

    asked: int = 0
    judged: int = 0
    remembered: int = 0
    failed: int = 0


class Cache(Protocol):
    """Where judgements of one model are kept."""

    def get(self, pair: Pair) -> Judgement | None:
        """Return the judgement of `pair`, or `None` if there is none yet."""
        ...

    def put(self, judged: Iterable[tuple[Pair, Judgement]]) -> None:
        """Keep the judgements."""
        ...


class MemoryCache:
    """Judgements of one model in memory, failures too: what is asked twice of it gets one answer."""

    def __init__(self) -> None:
        self._known: dict[Pair, Judgement] = {}

    def get(self, pair: Pair) -> Judgement | None:
        """Return the judgement of `pair`, or `None` if there is none yet."""
        return self._known.get(pair)

    def put(self, judged: Iterable[tuple[Pair, Judgement]]) -> None:
        """Keep the judgements."""
        self._known.update(judged)


class JudgementCache:
    """Judgements by model and pair, in a folder.

    Args:
        folder: Where; it is made if it does not exist. Several processes may use it at once.
        model: Name of the model, which says everything that its judgements depend on (checkpoint, revision, settings).

    Raises:
        ImportError: Without diskcache; the message has the `pip install` line.
    """

    def __init__(self, folder: str | Path, model: str) -> None:
        try:
            import diskcache  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise ImportError(f'a cache on disk needs diskcache ({error}): pip install "counterfoil[cache]"') from error
        self.folder = Path(folder)
        self._model = _digest(model)
        self._store: Any = diskcache.Cache(
            str(self.folder), disk=_json_disk(), eviction_policy="none", size_limit=2**62
        )

    def get(self, pair: Pair) -> Judgement | None:
        """Return the judgement of `pair`, or `None` if there is none yet."""
        found = self._store.get(self._key(pair))
        if found is None:
            return None
        fields: dict[str, Any] = json.loads(found)
        if fields.get("chunk") is not None:
            fields["chunk"] = tuple(fields["chunk"])
        fields["details"] = tuple(from_data(Finding, each) for each in fields.get("details", ()))
        return Judgement(**fields)

    def put(self, judged: Iterable[tuple[Pair, Judgement]]) -> None:
        """Store the judgements in one transaction, except failures: a pair that failed is asked again next time."""
        with self._store.transact():
            for pair, judgement in judged:
                if judgement.failure is None:
                    set_fields = {k: v for k, v in asdict(judgement).items() if v not in (None, ())}
                    self._store.set(self._key(pair), json.dumps(set_fields))

    def close(self) -> None:
        """Close the files; the cache can be used again afterwards."""
        self._store.close()

    def _key(self, pair: Pair) -> str:
        return f"{self._model}{_digest(pair.premise)}{_digest(pair.hypothesis)}"


class CachedEntailment:
    """Wraps an entailment model, and is one.

    Pairs are made unique, looked up, sorted by length so that those of a batch need little padding, and handed to the
    model in batches; each batch is on disk before the next one begins, so a killed run loses at most one batch.

    Args:
        model: The model that judges.
        cache: Where judgements are kept; `None` to keep them no longer than one call.
        batch: How many pairs the model is given at once. Scores do not depend on it.
        on_progress: Called after every batch and every look-up.

    Raises:
        ValueError: If `batch` is below 1.
    """

    def __init__(
        self,
        model: EntailmentModel,
        *,
        cache: Cache | None = None,
        batch: int = 256,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"`batch` has to be at least 1, but is {batch}")
        self.name = model.name
        self.threshold = model.threshold
        self.measured: Mapping[bool, Reliability] = getattr(model, "measured", {})
        self.progress = Progress()
        self._model = model
        self._cache = cache
        self._batch = batch
        self._on_progress = on_progress

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return one judgement a pair, in order."""
        unique = list(dict.fromkeys(pairs))
        known = self._looked_up(unique)
        self._report(asked=len(unique), remembered=len(known))
        unknown = sorted((pair for pair in unique if pair not in known), key=_length, reverse=True)
        for start in range(0, len(unknown), self._batch):
            some = unknown[start : start + self._batch]
            judgements = judgements_of(self._model, some)
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


@cache
def _json_disk() -> type:
    """Return how values are kept; diskcache's own JSON disk still opens a value that its row calls a pickle."""
    from diskcache import JSONDisk  # noqa: PLC0415
    from diskcache.core import MODE_BINARY, MODE_RAW  # noqa: PLC0415

    class PlainDisk(JSONDisk):
        def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> object:
            # A long value is in a file, which must be one of this folder.
            outside = filename is not None and not Path(self._directory, filename).resolve().is_relative_to(
                Path(self._directory).resolve()
            )
            if mode not in {MODE_RAW, MODE_BINARY} or outside:
                raise ValueError("the judgement cache holds what counterfoil never writes: delete its folder")
            return super().fetch(mode, filename, value, read)

    return PlainDisk


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _length(pair: Pair) -> int:
    return len(pair.premise) + len(pair.hypothesis)
