"""Scoring whole files as a stream, and writing the JSON of a run while it runs.

Every record that can be read is scored, every other one says why not; no more than a few answers are in memory.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ..documents import as_documents
from ..entailment import EntailmentModel
from ..scoring.results import AnswerOutput, CitationReport
from ..scoring.score import Scoring, score_each
from ..serialization import as_data, as_json
from ..text.markers import markers
from .answers import Record, read
from .atomic import AtomicFile, check_inputs
from .schema import FORMAT, ComparisonOutput, CorpusOutput, ProblemOutput


@dataclass(frozen=True)
class Scored:
    """A record with its report, or with the reason why it has none.

    Args:
        record: The record that was read.
        report: Its verdicts; `None` if the record has a problem.
    """

    record: Record
    report: CitationReport | None

    @property
    def failures(self) -> list[str]:
        """Return why statements and citations of this record could not be checked, each reason once."""
        if self.report is None:
            return [self.record.problem or "could not be read"]
        return list(dict.fromkeys(self.report.failures))


class InputError(ValueError):
    """A problem of a record, in a run that stops at the first."""


def score_files(
    paths: Iterable[str | Path],
    *,
    entailment: EntailmentModel | None = None,
    scoring: Scoring | None = None,
    strict_input: bool = False,
    window: int = 256,
) -> Iterator[Scored]:
    """Yield the records of all files, in order, scored.

    Args:
        paths: JSON lines with RAGAS columns, or result files of ALCE.
        entailment: The model that judges; `None` for the local one.
        scoring: How; `None` for the defaults.
        strict_input: Whether to stop at the first record or pair that cannot be read or checked.
        window: How many records are held at once.

    Raises:
        InputError: With `strict_input`, naming file, number and problem.
        ValueError: If a file is given twice.
        OSError: If a file cannot be read.
    """
    paths = list(paths)
    check_inputs(paths)
    scoring = scoring or Scoring()
    records = (examined(record, scoring) for path in paths for record in read(path))
    while some := list(itertools.islice(records, window)):
        if strict_input:
            _stop_at_a_problem(Scored(record, None) for record in some if record.answer is None)
        answers = [record.answer for record in some if record.answer is not None]
        reports = score_each(answers, entailment=entailment, scoring=scoring, window=window)
        for record in some:
            scored = Scored(record, None if record.answer is None else next(reports))
            if strict_input and scored.failures:
                _stop_at_a_problem([scored])
            yield scored


def examined(record: Record, scoring: Scoring) -> Record:
    """Return the record, with a problem if it lacks what scoring needs.

    An answer that cites documents but brings none cannot be checked; for ALCE it is an answer without support. The
    items of a list answer are read behind their question.
    """
    answer = record.answer
    if answer is None:
        return record
    if scoring.list_answer and answer.question is None:
        return replace(record, answer=None, problem="has no question, which the items of a list answer are read with")
    if scoring.mode == "alce" or answer.documents or not markers(answer.text):
        return record
    return replace(record, answer=None, problem="cites documents but brings none")


def _stop_at_a_problem(problems: Iterable[Scored]) -> None:
    for scored in problems:
        where = f"{scored.record.path}, record {scored.record.number}"
        raise InputError(f"{where}: {scored.failures[0]}. Leave out --strict-input to score the others.")


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
