"""Judgements on disk, so that no pair is judged twice by one model, today or after a crash.

Values are JSON in SQLite, never pickles: a cache folder can be shared without trusting who wrote it with more than
the scores.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .entailment import Judgement, Pair


class JudgementCache:
    """Judgements by model and pair, in a folder.

    Args:
        folder: Where; made where it does not exist. Several processes may use it at once.
        model: Name of the model, which says everything that changes its judgements (checkpoint, revision, settings).

    Raises:
        ImportError: Without diskcache; the message has the `pip install` line.
    """

    def __init__(self, folder: str | Path, model: str) -> None:
        try:
            import diskcache  # noqa: PLC0415
        except ImportError as error:
            raise ImportError('a cache on disk needs diskcache: pip install "counterfoil[cache]"') from error
        self.folder = Path(folder)
        self._model = _digest(model)
        self._store: Any = diskcache.Cache(
            str(self.folder), disk=diskcache.JSONDisk, eviction_policy="none", size_limit=2**62
        )

    def get(self, pair: Pair) -> Judgement | None:
        """The judgement of `pair`, or `None` where there is none yet."""
        found = self._store.get(self._key(pair))
        if found is None:
            return None
        fields: dict[str, Any] = json.loads(found)
        if fields.get("chunk") is not None:
            fields["chunk"] = tuple(fields["chunk"])
        return Judgement(**fields)

    def put(self, judged: Iterable[tuple[Pair, Judgement]]) -> None:
        """Keeps the judgements in one transaction, except failures: what failed is asked again next time."""
        with self._store.transact():
            for pair, judgement in judged:
                if judgement.failure is None:
                    set_fields = {k: v for k, v in asdict(judgement).items() if v is not None}
                    self._store.set(self._key(pair), json.dumps(set_fields))

    def close(self) -> None:
        """Closes the files; the cache can be used again afterwards."""
        self._store.close()

    def _key(self, pair: Pair) -> str:
        return f"{self._model}{_digest(pair.premise)}{_digest(pair.hypothesis)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
