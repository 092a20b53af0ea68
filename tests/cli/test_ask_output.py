from __future__ import annotations

import io
import itertools
import json

import pytest
from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.loaders.documents import LeftOut, Reading
from counterfoil.attribution.passages import Passage
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.cli.answering import Outcome
from counterfoil.cli.describing import notes
from counterfoil.cli.failing import guarded
from counterfoil.cli.generating import Generated
from counterfoil.cli.placing import placed
from counterfoil.cli.printing import print_outcome
from counterfoil.cli.prompting import Prompt
from counterfoil.cli.recording import as_json
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

ODD = Document("odd\x1b[31m.txt", "Quote \x1b]0;title\x07 here.", "[bold]Title[/bold]", {"path": "odd"})


def outcome() -> Outcome:
    citation = Citation(ODD.id, "1", Status.SUPPORTED, 0.9, 0, len(ODD.text), ODD.text)
    verdicts = (
        StatementVerdict("Odd \x1b[0m one.", 0, 13, Status.SUPPORTED, 0.912, (citation,)),
        StatementVerdict("[red]Two[/red].", 14, 29, Status.NOT_CHECKED, None, failure="broken"),
    )
    record = AnswerRecord("CAD", "Odd \x1b[0m one. [red]Two[/red].", verdicts, None, 0.5, None)
    other = Document("unread.txt", "x", metadata={"path": "p"})
    report = Report("Why?", (record,), (ODD, other), (Passage(ODD, 0, 5, 0.25),), {"A": "b"}, ("Left out: \x1bx",))
    return Outcome(report, ("Odd \x1b[0m one [1]. [red]Two[/red].",), (), {"counterfoil": "0"})


def printed(**options) -> str:
    stream = io.StringIO()
    print_outcome(outcome(), Console(file=stream, highlight=False, **options))
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
    coloured = printed(force_terminal=True, width=80, color_system="standard")
    assert "\x1b]0" not in coloured


def test_json_holds_what_could_not_be_computed_as_null():
    recorded = json.loads(as_json(outcome()))
    assert recorded["scores"] == {"recall": None, "precision": 0.5, "f1": None}
    assert recorded["statements"][1] == {
        "text": "[red]Two[/red].", "start": 14, "end": 29, "status": "not_checked", "probability": None,
        "contradicted": None, "reason": None, "failure": "broken", "citations": [],
    }  # fmt: skip
    assert recorded["documents"][0]["text"] == ODD.text
    assert recorded["passages"] == [{"document": ODD.id, "start": 0, "end": 5, "score": 0.25}]
    assert recorded["compared_with"] == []


def test_everything_that_was_left_out_is_told():
    read, dropped = Passage(ODD, 0, 5), Passage(ODD, 5, 9)
    reading = Reading([ODD], [LeftOut("a.bin", "it is binary")])
    written = [("CAD", Generated("One.", 80, True, ())), ("Plain", Generated("One.", 9, False, ()))]
    told = notes(reading, Prompt((read,), (dropped, dropped), {}, {}), written, outcome().report.answers)
    assert told == [
        "Left out: a.bin: it is binary.",
        "The model's context has room for 1 of the 3 passages found; the others were not read.",
        "CAD: the last sentence was unfinished at 80 tokens and was left out. Raise --max-new-tokens.",
        "CAD: 1 sentence(s) could not be checked and are not in the scores.",
    ]
    complete = [("Plain", Generated("One.", 9, False, ()))]
    assert notes(Reading([ODD], []), Prompt((read,), (), {}, {}), complete, ()) == []


@given(st.lists(st.text(min_size=1, max_size=8), max_size=5), st.text(max_size=3))
def test_verdicts_are_placed_where_their_sentences_stand(sentences, between):
    text = between.join(sentences)
    found = placed(text, [StatementVerdict(s, 0, 0, Status.SUPPORTED) for s in sentences])
    assert [text[verdict.start : verdict.end] for verdict in found] == sentences
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_a_sentence_of_another_answer_cannot_be_placed():
    with pytest.raises(ValueError, match="sentences of the answer"):
        placed("One.", [StatementVerdict("Two.", 0, 4, Status.SUPPORTED)])


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("two\nlines"), 2, "counterfoil: error: two lines\n"),
        (FileNotFoundError(2, "No such file", "x"), 2, "counterfoil: error: [Errno 2] No such file: 'x'\n"),
        (ImportError("install it"), 2, "counterfoil: error: install it\n"),
        (RuntimeError("boom"), 1, "counterfoil: unexpected RuntimeError: boom (run again with --debug"),
        (KeyboardInterrupt(), 130, "counterfoil: interrupted"),
    ],
)
def test_an_error_is_one_line_and_a_code(capsys, error, code, words):
    with pytest.raises(SystemExit) as left, guarded():
        raise error
    assert left.value.code == code
    assert capsys.readouterr().err.startswith(words)
    if not isinstance(error, KeyboardInterrupt):
        with pytest.raises(type(error)), guarded(debug=True):
            raise error
