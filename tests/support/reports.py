"""Reports that the tests of the page share."""

from __future__ import annotations

from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord, Report, TraceSpan
from counterfoil.attribution.retrieval import Passage

LENS = Document("museum.html", "Free entry. The lens weighs 2.6 tonnes. It is old.", "The Museum")
TOWER = Document("lighthouse.md", "The tower is 31 metres high.\r\nThe lens was given away.")
OTHER = Document("other.txt", "Nothing of this was read.")


def citation(document: Document, number: int, quote: str) -> Citation:
    start = document.text.index(quote)
    return Citation(document.id, str(number), Status.SUPPORTED, 0.9, start, start + len(quote), quote)


def record(label: str, *parts: tuple[str, Status, list[Citation]], trace: tuple[TraceSpan, ...] = ()) -> AnswerRecord:
    text, verdicts = "", []
    for sentence, status, citations in parts:
        start = len(text) + bool(text)
        text += (" " if text else "") + sentence
        verdicts.append(StatementVerdict(sentence, start, len(text), status, 0.5, tuple(citations)))
    return AnswerRecord(label, text, tuple(verdicts), 2 / 3, 1.0, 0.8, trace)


def example() -> Report:
    both = [citation(LENS, 1, "The lens weighs 2.6 tonnes."), citation(TOWER, 2, "The lens was given away.")]
    answer = record(
        "CAD",
        ("The lens weighs 2.6 tonnes.", Status.SUPPORTED, both),
        ("It is painted red.", Status.NOT_SUPPORTED, []),
        ("The lens is old.", Status.SUPPORTED, [citation(LENS, 1, "The lens weighs 2.6 tonnes. It is old.")]),
        trace=(TraceSpan(0, 3, 0.1), TraceSpan(3, 8, 4.5), TraceSpan(8, 15, -1.2)),
    )
    read = (Passage(LENS, 0, 39),)
    return Report("How heavy?", (answer,), (LENS, TOWER, OTHER), read, {"Method": "CAD"}, ("A note.",))
