"""Scoring a row of another framework as a line of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from ..entailment import EntailmentModel, load_entailment
from ..entailment.registry import default_entailment
from ..io.answers import Record, UnusableError, read_answer
from ..io.files import Scored, examined
from ..scoring.score import Scoring, score_each

FIGURES = ("f1", "recall", "precision")


class Rows:
    """Scores rows with RAGAS columns, one at a time whichever thread asks, because they share a model.

    Args:
        figure: Figure of a row, in [0, 1]: one of :data:`FIGURES`.
        entailment: A model, or the name of one, which is loaded for the first row.
        scoring: How; `None` for the defaults.

    Raises:
        ValueError: If there is no such figure.
    """

    def __init__(
        self, figure: str = "f1", *, entailment: EntailmentModel | str = "local", scoring: Scoring | None = None
    ) -> None:
        if figure not in FIGURES:
            raise ValueError(f"`figure` has to be one of {', '.join(FIGURES)}, but is {figure!r}")
        self.figure = figure
        self.scoring = scoring or Scoring()
        self._entailment = entailment
        self._one_at_a_time = Lock()

    @property
    def model(self) -> EntailmentModel:
        """Return the model that judges, loaded when it is first needed."""
        if isinstance(self._entailment, str):
            name = self._entailment
            self._entailment = default_entailment() if name == "local" else load_entailment(name)
        return self._entailment

    def score(self, row: Mapping[str, Any]) -> Scored:
        """Return the row with its report, or with the reason why it has none.

        Args:
            row: `user_input`, `response` and `retrieved_contexts` (strings, or objects with id, title and text).
        """
        where = Path("row")
        try:
            record = Record(where, 1, read_answer(dict(row)))
        except UnusableError as error:
            record = Record(where, 1, None, str(error))
        record = examined(record, self.scoring)
        if record.answer is None:
            return Scored(record, None)
        with self._one_at_a_time:
            [report] = score_each([record.answer], entailment=self.model, scoring=self.scoring)
        return Scored(record, report)

    def value(self, scored: Scored) -> float | None:
        """Return the figure of a row, `None` if nothing of it could be checked."""
        return None if scored.report is None else getattr(scored.report, self.figure)


def explanation(scored: Scored) -> str:
    """Return the verdict on each statement, a line each; or why the row was not checked."""
    if scored.report is None:
        return f"not checked: {scored.failures[0]}"
    lines = []
    for verdict in scored.report.statements:
        cited = "".join(f"[{citation.marker}]" for citation in verdict.citations)
        why = verdict.failure or verdict.reason
        lines.append(f"{verdict.status.value}: {verdict.text} {cited}".rstrip() + (f" ({why})" if why else ""))
    return "\n".join(lines) or "no statement"
