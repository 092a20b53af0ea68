"""The outcome on the terminal; plain text where standard output is no terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from counterfoil.attribution import StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.attribution.report.view import LABELS
from rich.console import Console
from rich.text import Text

from .answering import Outcome

STYLES = {
    Status.SUPPORTED: "green",
    Status.PARTIALLY_SUPPORTED: "yellow",
    Status.NOT_SUPPORTED: "red",
    Status.CONTRADICTED: "magenta",
}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_QUOTE_LENGTH = 160


def print_outcome(outcome: Outcome, console: Console | None = None) -> None:
    """Prints each answer with its citations, the sources, the verdicts, the scores and the notes."""
    out = console or Console(highlight=False)
    several = len(outcome.marked) > 1
    for record, marked in zip(outcome.report.answers, outcome.marked, strict=True):
        if several:
            _line(out, Text(record.label, style="bold"))
        _line(out, Text(shown(marked) or "(the model wrote nothing)"))
        _line(out)
        for verdict in record.statements:
            _line(out, _verdict(verdict))
        _line(out, _scores(record))
        _line(out)
    for source in _sources(outcome.report):
        _line(out, source)
    for note in outcome.report.notes:
        _line(out, Text(f"Note: {shown(note)}", style="yellow"))


def _line(out: Console, text: Text | str = "") -> None:
    # A pipe has no width: what reads it decides where to break.
    out.print(text, soft_wrap=not out.is_terminal)


def _verdict(verdict: StatementVerdict) -> Text:
    sign, label = LABELS[Status(verdict.status)]
    text = Text(f"  {sign} {label}", style=STYLES.get(Status(verdict.status), ""))
    if verdict.probability is not None:
        text.append(f" {100 * verdict.probability:.0f} %")
    return text.append(f"  {shown(verdict.text)}", style="default")


def _scores(record: AnswerRecord) -> Text:
    values = (("recall", record.recall), ("precision", record.precision), ("F1", record.f1))
    listed = ", ".join(f"{name} {'–' if value is None else format(value, '.2f')}" for name, value in values)
    return Text(f"  Citations: {listed}", style="bold")


def _sources(report: Report) -> Iterator[Text]:
    """A legend: the documents that the model read, each with the words that are cited from it."""
    cited = [c for record in report.answers for verdict in record.statements for c in verdict.citations]
    read = {passage.document.id for passage in report.passages}
    for number, document in enumerate(report.documents, start=1):
        if document.id not in read:
            continue
        quotes = dict.fromkeys(c.quote for c in cited if c.document == document.id and c.quote)
        title = f"  {shown(document.title)}" if document.title else ""
        yield Text(f"[{number}] {shown(document.id)}").append(title if quotes else f"{title}  (read, not cited)", "dim")
        for quote in quotes:
            yield Text(f"    “{shortened(quote)}”", style="italic")


def shown(text: str) -> str:
    """Text of a document or a model on one line, without the control codes that would steer a terminal."""
    return _CONTROL.sub("�", " ".join(text.split()))


def shortened(text: str) -> str:
    """The beginning of a quote, on one line."""
    line = shown(text)
    return line if len(line) <= _QUOTE_LENGTH else line[:_QUOTE_LENGTH].rsplit(" ", 1)[0] + " …"
