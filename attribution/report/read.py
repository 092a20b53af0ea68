"""The JSON of `counterfoil ask` and `counterfoil score`, read back as what a page shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..io.schema import FORMAT as SCORE_FORMAT
from ..io.schema import CorpusOutput, ProblemOutput, ScoreOutput
from ..scoring.results import AnswerOutput
from ..serialization import from_json
from .model import AnswerRecord, Figure, Report, Summary
from .saved import FORMAT as ANSWER_FORMAT
from .saved import SavedAnswers

FIGURES = {"mean_f1": "Mean F1", "f1_of_means": "F1 of means", "recall": "Recall", "precision": "Precision"}
CORRECTED = "Support, corrected"


class FormatError(ValueError):
    """Why a file cannot be shown, in words for whoever named it."""


@dataclass(frozen=True)
class SavedReports:
    """What a file holds.

    Args:
        reports: The questions with their answers, in the order of the file.
        summary: What is said of all; `None` for the answer to one question.
    """

    reports: tuple[Report, ...]
    summary: Summary | None = None


def read_reports(path: str | Path) -> SavedReports:
    """Read what `counterfoil ask --json` or `counterfoil score --json` wrote.

    Raises:
        OSError: If the file cannot be read.
        FormatError: If it is something else, with what to do about it.
    """
    raw = Path(path).read_bytes()
    encoding = json.detect_encoding(raw[:4])
    if encoding != "utf-8":  # with a byte order mark, or as PowerShell writes it
        raw = raw.decode(encoding, "replace").encode("utf-8", "replace")
    name = _format(raw, path)
    try:
        if name == ANSWER_FORMAT:
            return SavedReports((from_json(SavedAnswers, raw).report(),))
        if name == SCORE_FORMAT:
            return _scored(from_json(ScoreOutput, raw))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise FormatError(f"{str(path)!r} is damaged: {where}: {first['msg']}. Write it again.") from error
    except KeyError as error:
        raise FormatError(f"{str(path)!r} is damaged: it names the document {error}, but does not hold it.") from error
    if str(name).rpartition("/")[0] in {part.rpartition("/")[0] for part in (ANSWER_FORMAT, SCORE_FORMAT)}:
        raise FormatError(
            f"{str(path)!r} has the format {name!r}; read are {ANSWER_FORMAT!r} and {SCORE_FORMAT!r}. "
            "Write it again with this version of counterfoil."
        )
    raise FormatError(
        f"{str(path)!r} has to be what `counterfoil ask --json` or `counterfoil score --json` wrote, "
        f"but {'its format is ' + repr(name) if name else 'names no format'}"
    )


def report_of(output: AnswerOutput) -> Report:
    """Return one scored answer as it is shown."""
    return Report(
        question=output.question or "",
        answers=(
            AnswerRecord(
                label=label_of(output.mode, output.entailment),
                text=output.answer,
                statements=output.statements,
                recall=output.scores.recall,
                precision=output.scores.precision,
                f1=output.scores.f1,
            ),
        ),
        documents=output.documents,
        name=place_of(output.file, output.number, output.id),
    )


def label_of(mode: str, entailment: str) -> str:
    """Return how an answer was scored, for a heading."""
    return f"{mode} mode, checked by {entailment.rsplit('/', 1)[-1]}"


def place_of(file: str, number: int, id: str) -> str:
    """Return where a record stands, for a reader."""
    return f"{Path(file).name}, record {number}" + (f" ({id})" if id else "")


def summary_of(
    corpus: CorpusOutput, problems: Sequence[ProblemOutput], settings: Mapping[str, object], notes: tuple[str, ...] = ()
) -> Summary:
    """Return the figures of a corpus as they are shown."""
    figures = []
    for name, shown in FIGURES.items():
        found = getattr(corpus, name)
        figures.append(Figure(shown, found and found.value, found and found.low, found and found.high))
    if found := corpus.corrected_share:
        figures.append(Figure(CORRECTED, found.value, found.low, found.high))
    return Summary(
        figures=tuple(figures),
        n_answers=corpus.n_answers,
        n_counted=corpus.n_counted,
        counts=corpus.counts,
        unread=tuple((place_of(each.file, each.number, ""), each.problem) for each in problems),
        settings={name: str(value) for name, value in settings.items() if value is not None},
        notes=notes,
    )


def _scored(output: ScoreOutput) -> SavedReports:
    reports = tuple(report_of(each) for each in output.answers)
    return SavedReports(reports, summary_of(output.corpus, output.problems, output.settings))


def _format(raw: bytes, path: str | Path) -> str | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{str(path)!r} is not JSON: {error}") from error
    name = value.get("format") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None
