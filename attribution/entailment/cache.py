"""Judgements on disk, so that no pair is judged twice by one model, today or after a crash.

Values are JSON in SQLite, never pickles, and no pickle that somebody else put there is opened: a cache folder can be
shared without trusting who wrote it with more than the scores.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from . import Judgement, Pair


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
            str(self.folder), disk=_json_disk(), eviction_policy="none", size_limit=2**62
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


@cache
def _json_disk() -> type:
    """How values are kept; diskcache's own JSON disk still opens a value that its row calls a pickle."""
    from diskcache import JSONDisk  # noqa: PLC0415
    from diskcache.core import MODE_BINARY, MODE_RAW  # noqa: PLC0415

    class PlainDisk(JSONDisk):
        def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> object:
            # A long value is in a file, which is one of this folder and no other.
            outside = filename is not None and not Path(self._directory, filename).resolve().is_relative_to(
                Path(self._directory).resolve()
            )
            if mode not in {MODE_RAW, MODE_BINARY} or outside:
                raise ValueError("the judgement cache holds what counterfoil never writes: delete its folder")
            return super().fetch(mode, filename, value, read)

    return PlainDisk


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
