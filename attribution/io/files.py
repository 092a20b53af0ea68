"""Scoring whole files as a stream: every record that can be read is scored, every other one says why not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..entailment import EntailmentModel
from ..scoring.results import CitationReport
from ..scoring.score import Scoring, score_each
from ..text.markers import markers
from .answers import Record, read


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
        """Why statements and citations of this record could not be checked, each reason once."""
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
        OSError: If a file cannot be read.
    """
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
