"""Writing the JSON of a run while it runs, so that no more than one answer is in memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from ..scoring.files import Scored
from ..text.statements import Status
from .atomic import mode_of
from .schema import FORMAT, ComparisonOutput, CorpusOutput, ProblemOutput, answer_output


class ScoreWriter:
    """Writes :class:`~counterfoil.attribution.io.schema.ScoreOutput` to `path`, whole or not at all.

    Used as a context manager; the file takes its name when :meth:`finish` has been called and the block is left.

    Args:
        path: Where; an old file stays until the new one is whole.
        settings: How the run was made.
        versions: Of what.

    Raises:
        OSError: Where the folder does not exist or cannot be written.
    """

    def __init__(
        self, path: str | Path, settings: Mapping[str, str | float | bool | None], versions: Mapping[str, str]
    ) -> None:
        self.path = Path(path)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n")
        self._problems: list[ProblemOutput] = []
        self._separator = ""
        self._finished = False
        head = {"format": FORMAT, "settings": dict(settings), "versions": dict(versions)}
        self._file.write(json.dumps(head, ensure_ascii=False, allow_nan=False)[:-1] + ', "answers": [')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
            if self._finished:
                self._temporary.chmod(mode_of(self.path))
                self._temporary.replace(self.path)
        finally:
            # Still there unless it has taken its name; the end of a file can fail as well, where the disk is full.
            with suppress(OSError):
                self._temporary.unlink()

    def through(self, scored: Iterable[Scored]) -> Iterator[Scored]:
        """The same records; each is written as it passes."""
        for each in scored:
            self._write(each)
            yield each

    def finish(self, corpus: CorpusOutput, comparison: Mapping[str, ComparisonOutput] | None) -> None:
        """Writes what is known only at the end."""
        compared = comparison and {name: found.model_dump(mode="json") for name, found in comparison.items()}
        tail = {
            "problems": [problem.model_dump(mode="json") for problem in self._problems],
            "corpus": corpus.model_dump(mode="json"),
            "comparison": compared,
        }
        self._file.write("\n], " + json.dumps(tail, ensure_ascii=False, allow_nan=False)[1:] + "\n")
        self._finished = True

    def _write(self, scored: Scored) -> None:
        record, answer = scored.record, scored.record.answer
        if scored.report is None or answer is None:
            problem = record.problem or "could not be read"
            self._problems.append(
                ProblemOutput(file=str(record.path), number=record.number, status=Status.NOT_CHECKED, problem=problem)
            )
            return
        output = answer_output(
            scored.report,
            file=str(record.path),
            number=record.number,
            id=answer.id,
            question=answer.question,
            documents=answer.documents,
        )
        self._file.write(f"{self._separator}\n{output.model_dump_json()}")
        self._separator = ","
