"""The outcome as JSON."""

from __future__ import annotations

import json
from typing import Any

from counterfoil.attribution.io.schema import statement_output
from counterfoil.attribution.report import AnswerRecord
from counterfoil.attribution.report.read import ANSWER_FORMAT
from counterfoil.attribution.serialization import as_data

from .answering import Outcome


def as_json(outcome: Outcome) -> str:
    """What `--json` writes; docs/ask.md describes the fields."""
    report = outcome.report
    answers = [_answer(record, marked) for record, marked in zip(report.answers, outcome.marked, strict=True)]
    recorded = {
        "format": ANSWER_FORMAT,
        "question": report.question,
        **answers[0],
        "compared_with": answers[1:],
        "documents": [
            {"id": document.id, "title": document.title, "path": document.metadata["path"], "text": document.text}
            for document in report.documents
        ],
        "passages": [
            {"document": passage.document.id, "start": passage.start, "end": passage.end, "score": passage.score}
            for passage in report.passages
        ],
        "left_out": [{"path": left_out.path, "reason": left_out.reason} for left_out in outcome.left_out],
        "notes": list(report.notes),
        "settings": dict(report.settings),
        "versions": dict(outcome.versions),
    }
    return json.dumps(recorded, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _answer(record: AnswerRecord, marked: str) -> dict[str, Any]:
    return {
        "method": record.label,
        "answer": record.text,
        "answer_with_markers": marked,
        "statements": [statement_output(verdict).model_dump(mode="json") for verdict in record.statements],
        "scores": {"recall": record.recall, "precision": record.precision, "f1": record.f1},
        "trace": [{"start": span.start, "end": span.end, "value": span.value} for span in record.trace],
        "attributions": [as_data(each) for each in record.attributions],
    }
