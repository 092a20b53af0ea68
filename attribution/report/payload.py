"""The page's data: what its script reads, as JSON that no HTML parser can take for anything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..locating.results import Attribution
from ..scoring.results import Citation, StatementVerdict
from ..text.segmentation import without_surrogates
from ..text.statements import Status
from .cases import Case, ShownDocument, marker_ranges
from .model import AnswerRecord, Summary
from .view import LABELS

FORMAT = "counterfoil.page/1"
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page_data(
    cases: Sequence[Case], *, title: str, summary: Summary | None = None, live: dict[str, Any] | None = None
) -> str:
    """All that the page shows, as JSON for a `<script>` element.

    Offsets count code points. `<`, `>` and `&` are written as escapes, so that no text can end the element.

    Args:
        cases: What is shown, in the order of the list.
        title: Of the page.
        summary: Of the corpus; `None` for a single question.
        live: How a server is asked for what is not in the page; `None` for a file.
    """
    data = {
        "format": FORMAT,
        "title": title,
        "labels": {status.value: LABELS[status] for status in Status},
        "summary": summary and _summary(summary),
        "cases": [_case(each) for each in cases],
        "live": live,
    }
    written = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return without_surrogates(written).translate(_ESCAPES)


def attribution_data(attribution: Attribution) -> dict[str, Any]:
    """What the page says of located words; a server's answer has the same form."""
    return {
        "start": attribution.answer_start,
        "end": attribution.answer_end,
        "snapped": attribution.snapped,
        "claim": attribution.claim,
        "method": attribution.method,
        "kind": attribution.kind.value,
        "status": attribution.status.value,
        "probability": attribution.probability,
        "entailment": attribution.entailment,
        "notes": list(attribution.notes),
        "failure": attribution.failure,
        "spans": [
            {"document": s.document, "start": s.start, "end": s.end, "quote": s.quote, "score": s.score}
            for s in attribution.spans
        ],
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "figures": [{"name": f.name, "value": f.value, "low": f.low, "high": f.high} for f in summary.figures],
        "answers": summary.n_answers,
        "counted": summary.n_counted,
        "counts": dict(summary.counts),
        "unread": [list(each) for each in summary.unread],
        "settings": [list(each) for each in summary.settings.items()],
        "notes": list(summary.notes),
    }


def _case(shown: Case) -> dict[str, Any]:
    return {
        "name": shown.name,
        "position": shown.position,
        "question": shown.question,
        "answers": [_answer(record) for record in shown.answers],
        "documents": [_document(document) for document in shown.documents],
        "settings": [list(each) for each in shown.settings.items()],
        "notes": list(shown.notes),
    }


def _answer(record: AnswerRecord) -> dict[str, Any]:
    return {
        "label": record.label,
        "text": record.text,
        "scores": [record.recall, record.precision, record.f1],
        "markers": [[start, end, list(ids)] for start, end, ids in marker_ranges(record)],
        "statements": [_statement(verdict) for verdict in record.statements],
        "trace": [[span.start, span.end, span.value] for span in record.trace],
        "attributions": [attribution_data(each) for each in record.attributions],
    }


def _statement(verdict: StatementVerdict) -> dict[str, Any]:
    return {
        "start": verdict.start,
        "end": verdict.end,
        "status": Status(verdict.status).value,
        "probability": verdict.probability,
        "reason": verdict.reason,
        "failure": verdict.failure,
        "citations": [_citation(citation) for citation in verdict.citations],
    }


def _citation(citation: Citation) -> dict[str, Any]:
    return {
        "document": citation.document,
        "marker": citation.marker,
        "status": Status(citation.status).value,
        "score": citation.score,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "failure": citation.failure,
    }


def _document(shown: ShownDocument) -> dict[str, Any]:
    return {
        "id": shown.id,
        "title": shown.title,
        "length": shown.length,
        "pieces": [list(piece) for piece in shown.pieces],
        "cited": shown.cited,
        "read": None if shown.read is None else [list(each) for each in shown.read],
    }
