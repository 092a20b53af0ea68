"""Writing the JSON of a run while it runs, so that no more than one answer is in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from ..documents import as_documents
from ..scoring.results import AnswerOutput
from ..serialization import as_data, as_json
from .atomic import AtomicFile
from .files import Scored
from .schema import FORMAT, ComparisonOutput, CorpusOutput, ProblemOutput


class ScoreWriter:
    """Writes :class:`~counterfoil.attribution.io.schema.ScoreOutput` to `path`, whole or not at all.

    Used as a context manager; the file takes its name when :meth:`finish` is called.

    Args:
        path: Where; an old file stays until the new one is whole.
        settings: How the run was made.
        versions: Of the packages that figures depend on.

    Raises:
        OSError: If the folder does not exist or cannot be written.
    """

    def __init__(
        self, path: str | Path, settings: Mapping[str, str | float | bool | None], versions: Mapping[str, str]
    ) -> None:
        self._output = AtomicFile(path)
        self._problems: list[ProblemOutput] = []
        self._separator = ""
        head = {"format": FORMAT, "settings": dict(settings), "versions": dict(versions)}
        self._output.file.write(json.dumps(head, ensure_ascii=False, allow_nan=False)[:-1] + ', "answers": [')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.discard()

    def through(self, scored: Iterable[Scored]) -> Iterator[Scored]:
        """Yield the same records; each is written as it passes."""
        for each in scored:
            self._write(each)
            yield each

    def finish(self, corpus: CorpusOutput, comparison: Mapping[str, ComparisonOutput] | None) -> None:
        """Write what is known only at the end, and put the file in its place."""
        tail = {
            "problems": [as_data(problem) for problem in self._problems],
            "corpus": as_data(corpus),
            "comparison": comparison and {name: as_data(found) for name, found in comparison.items()},
        }
        self._output.file.write("\n], " + json.dumps(tail, ensure_ascii=False, allow_nan=False)[1:] + "\n")
        self._output.commit()

    def _write(self, scored: Scored) -> None:
        record, answer = scored.record, scored.record.answer
        if scored.report is None or answer is None:
            problem = record.problem or "could not be read"
            self._problems.append(ProblemOutput(str(record.path), record.number, problem))
            return
        output = AnswerOutput.of(
            scored.report,
            file=str(record.path),
            number=record.number,
            question=answer.question,
            documents=as_documents(answer.documents),
        )
        self._output.file.write(f"{self._separator}\n{as_json(output)}")
        self._separator = ","
