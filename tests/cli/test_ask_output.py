from __future__ import annotations

import io
import json

from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord
from counterfoil.attribution.retrieval import Passage
from counterfoil.cli.ask import print_answer
from counterfoil.grounding import CheckedAnswer, GroundedAnswer
from rich.console import Console

JUDGES = {"Entailment model": "odd\x1b[1m", "Scores judged by": "odd\x1b[1m"}
ODD = Document("odd\x1b[31m.txt", "Quote \x1b]0;title\x07 here.", "[bold]Title[/bold]", {"path": "odd"})


def outcome() -> GroundedAnswer:
    citation = Citation(ODD.id, "1", Status.SUPPORTED, 0.9, 0, len(ODD.text), ODD.text)
    verdicts = (
        StatementVerdict("Odd \x1b[0m one.", 0, 13, Status.SUPPORTED, 0.912, (citation,)),
        StatementVerdict("[red]Two[/red].", 14, 29, Status.NOT_CHECKED, None, failure="broken"),
    )
    record = AnswerRecord("CAD", "Odd \x1b[0m one. [red]Two[/red].", verdicts, None, 0.5, None)
    other = Document("unread.txt", "x", metadata={"path": "p"})
    checked = CheckedAnswer(record, "Odd \x1b[0m one [1]. [red]Two[/red].")
    return GroundedAnswer(
        "Why?", (checked,), (ODD, other), (Passage(ODD, 0, 5, 0.25),), {"A": "b", **JUDGES}, ("Left out: \x1bx",)
    )


def printed(**options) -> str:
    stream = io.StringIO()
    print_answer(Console(file=stream, highlight=False, **options), outcome())
    return stream.getvalue()


def test_no_text_steers_the_terminal():
    plain = printed(force_terminal=False, width=30)
    assert "\x1b" not in plain
    assert "\x07" not in plain
    assert "[red]Two[/red]." in plain, "brackets are no markup"
    assert "[1] odd�[31m.txt  [bold]Title[/bold]" in plain
    assert "✓ supported 91 %  Odd �[0m one." in plain
    assert "? not checked  [red]Two[/red]." in plain
    assert "recall –, precision 0.50, F1 –" in plain
    assert "unread.txt" not in plain
    assert "judged by odd�[1m, which chose these citations itself" in plain
    coloured = printed(force_terminal=True, width=80, color_system="standard")
    assert "\x1b]0" not in coloured


def test_json_holds_what_could_not_be_computed_as_null():
    recorded = json.loads(outcome().to_json())
    assert recorded["scores"] == {"recall": None, "precision": 0.5, "f1": None}
    assert recorded["statements"][1] == {
        "text": "[red]Two[/red].", "start": 14, "end": 29, "status": "not_checked", "probability": None,
        "contradicted": None, "reason": None, "failure": "broken", "citations": [],
        "details": [], "claim": "", "groundings": [],
    }  # fmt: skip
    assert recorded["documents"][0]["text"] == ODD.text
    assert recorded["passages"] == [{"document": ODD.id, "start": 0, "end": 5, "score": 0.25}]
    assert recorded["compared_with"] == []
