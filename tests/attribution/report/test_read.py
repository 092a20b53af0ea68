from __future__ import annotations

import json
from dataclasses import replace

import pytest
from counterfoil.attribution import Scoring, Status
from counterfoil.attribution.io.files import ScoreWriter, score_files
from counterfoil.attribution.io.schema import corpus_output
from counterfoil.attribution.report import read_reports
from counterfoil.attribution.report.read import FormatError
from counterfoil.attribution.report.saved import SavedAnswer, SavedAnswers, SavedDocument, SavedPassage
from counterfoil.attribution.report.server import worst_first
from counterfoil.attribution.scoring.corpus import summarise

from tests.support.reports import LENS, OTHER, TOWER, example, record

TITLED = {"id": "x", "title": "T", "text": "Alpha."}
LINES = [
    {"id": i, "user_input": question, "response": response, "retrieved_contexts": contexts}
    for i, question, response, contexts in (
        ("a", "Why?", "Alpha 😀 [1]. Beta [2].", ["Alpha 😀.", "Gamma."]),
        ("b", None, "Alpha [1].", [TITLED]),
        ("c", "Wrong?", "Delta [1].", ["Alpha."]),
    )
]


@pytest.fixture
def written(words, tmp_path):
    """The JSON of a run, and its reports as they were."""
    source, out = tmp_path / "answers.jsonl", tmp_path / "scores.json"
    source.write_text("\n".join([*map(json.dumps, LINES), "{broken"]), encoding="utf-8")
    with ScoreWriter(out, {"mode": "strict"}, {}) as writer:
        scored = list(writer.through(score_files([source], entailment=words, scoring=Scoring(quotes=True))))
        corpus = summarise(each.report for each in scored)
        writer.finish(corpus_output(corpus, {}, 1), None)
    return out, scored


def test_scored_answers_come_back_as_they_were(written):
    path, scored = written
    found = read_reports(path)
    assert len(found.reports) == 3
    for report, each in zip(found.reports, scored, strict=False):
        (record,) = report.answers
        assert record.text == each.report.answer
        assert record.statements == each.report.statements
        assert (record.recall, record.precision, record.f1) == (
            each.report.recall,
            each.report.precision,
            each.report.f1,
        )
        assert report.documents == tuple(each.record.answer.documents)
    assert [report.name for report in found.reports] == [
        "answers.jsonl, record 1 (a)", "answers.jsonl, record 2 (b)", "answers.jsonl, record 3 (c)",
    ]  # fmt: skip
    assert [report.question for report in found.reports] == ["Why?", "", "Wrong?"]
    assert found.summary.unread[0][0] == "answers.jsonl, record 4"
    assert found.summary.n_answers == 4


def test_the_worst_is_shown_first(written):
    found = read_reports(written[0])
    shown = worst_first(found)
    assert [report.name[-2] for report in shown.reports] == ["c", "a", "b"]
    assert shown.positions == (2, 0, 1)
    assert shown.notes == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "names no format"),
        ('{"format": "counterfoil.evaluation/1"}', "has to be what `counterfoil ask --json`"),
        ('{"format": "counterfoil.score/1"}', "Write it again with this version"),
        ('{"format": "counterfoil.answer/3", "question": "Why?"}', "is damaged: method: Field required"),
    ],
)
def test_what_cannot_be_shown_is_told(tmp_path, content, words):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=words):
        read_reports(path)
    with pytest.raises(OSError, match="No such file"):
        read_reports(tmp_path / "none.json")


def test_what_ask_writes_comes_back(tmp_path):
    """Types, JSON and reading are one declaration: whatever a record holds is there again."""
    report = example()
    manual = replace(LENS, pages=(0, 12))
    first, other = report.answers[0], record("Plain", ("The lens is old.", Status.CONTRADICTED, []))
    written = SavedAnswers(
        **SavedAnswer.fields_of(first, "The lens [1]."),
        question=report.question,
        compared_with=(SavedAnswer(**SavedAnswer.fields_of(other, "Old.")),),
        documents=tuple(SavedDocument(d.id, d.title, None, d.text, d.pages) for d in (manual, TOWER, OTHER)),
        passages=(SavedPassage(LENS.id, 0, 39),),
        notes=report.notes,
        settings=report.settings,
    )
    (tmp_path / "a.json").write_text(written.to_json(), encoding="utf-8")
    (found,) = read_reports(tmp_path / "a.json").reports
    expected = replace(report, answers=(first, other), documents=(manual, TOWER, OTHER))
    assert replace(found, passages=()) == replace(expected, passages=())
    assert [(p.document.id, p.start, p.end) for p in found.passages] == [(LENS.id, 0, 39)]
    assert found.documents[0].pages == (0, 12)
    assert list(json.loads(written.to_json()))[:2] == ["format", "question"]
    unknown = json.loads(written.to_json()) | {"passages": [{"document": "none", "start": 0, "end": 1}]}
    (tmp_path / "b.json").write_text(json.dumps(unknown), encoding="utf-8")
    with pytest.raises(FormatError, match="names the document 'none', but does not hold it"):
        read_reports(tmp_path / "b.json")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_another_program_has_written_again(written, tmp_path, encoding):
    out, _ = written
    again = tmp_path / "again.json"
    again.write_bytes(out.read_text(encoding="utf-8").encode(encoding))
    assert read_reports(again).reports == read_reports(out).reports
