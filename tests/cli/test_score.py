from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement
from counterfoil.attribution.io.schema import ScoreOutput
from counterfoil.attribution.serialization import from_json, schema_of
from counterfoil.cli import judge
from counterfoil.cli.app import app

RAGAS = {"user_input": "Why?", "response": "Alpha [1]. Beta [2].", "retrieved_contexts": ["Alpha.", "Gamma."]}
ALCE = {
    "question": "Why?",
    "output": "Alpha [1]. Beta [2].\nGone [1].",
    "docs": [{"title": "T", "text": "Alpha."}, {"title": "U", "text": "Gamma."}],
}


class Words:
    """Supports a statement whose words all stand in the premise."""

    name, threshold = "words@1", 0.5
    asked = 0

    def __init__(self, device=None):
        self.device = device

    def judge(self, pairs):
        Words.asked += len(pairs)
        return [
            Judgement(float(set(re.findall(r"\w+", h.lower())) <= set(re.findall(r"\w+", p.lower())))) for p, h in pairs
        ]


@pytest.fixture
def run(tmp_path, monkeypatch):
    def load(name, **options):
        if name != "words":
            raise ValueError(f"`name` has to be one of words, but is {name!r}")
        return Words(**options)

    Words.asked = 0
    monkeypatch.setattr(judge, "load_entailment", load)

    def invoke(*arguments):
        plain = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, ["score", *plain, "--entailment", "words", "--cache", str(tmp_path / "cache")])

    return invoke


@pytest.fixture
def answers(tmp_path):
    def write(*lines, name="answers.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return path

    return write


def test_ragas_lines_in_strict_mode(run, answers, tmp_path):
    out = tmp_path / "out.json"
    result = run(answers(RAGAS, RAGAS), "--json", out)
    assert result.exit_code == 0, result.output
    assert re.search(r"Citation recall\s+0.500", result.output)
    assert "2 of 2 answers counted, 4 statements: 2 supported, 2 not supported" in result.output
    written = from_json(ScoreOutput, out.read_text())
    assert written.corpus.recall.value == 0.5
    assert (written.settings["mode"], written.settings["entailment"]) == ("strict", "words@1+details/3")
    first = written.answers[0]
    assert (first.number, first.scores.recall) == (1, 0.5)
    assert [(document.id, document.text) for document in first.documents] == [("1", "Alpha."), ("2", "Gamma.")]
    assert [statement.status for statement in first.statements] == ["supported", "not_supported"]


def test_an_alce_file_in_both_modes(run, answers):
    path = answers(json.dumps({"args": {}, "data": [ALCE]}), name="asqa.json")
    alce, strict = run(path, "--mode", "alce"), run(path)
    assert (alce.exit_code, strict.exit_code) == (0, 0)
    # The second line is not read by ALCE; its statement is not supported.
    assert "2 statements" in alce.output
    assert "3 statements" in strict.output


def test_codes(run, answers):
    good, bad = answers(RAGAS), answers(RAGAS, "{", name="bad.jsonl")
    assert run(good, "--fail-under", 0.4).exit_code == 0
    under = run(good, "--fail-under", 0.6)
    assert (under.exit_code, "mean_f1 is 0.500, under 0.6" in under.output) == (1, True)
    assert run(good, "--fail-under", 0.6, "--figure", "recall").exit_code == 1
    unread = run(bad)
    assert (unread.exit_code, "record 2: is not JSON" in unread.output) == (3, True)
    stopped = run(bad, "--strict-input")
    assert (stopped.exit_code, "record 2: is not JSON" in stopped.output) == (2, True)


def test_a_share_of_the_records_may_be_unchecked(run, answers):
    some = answers(RAGAS, RAGAS, RAGAS, "{")
    assert run(some, "--max-unchecked", 0.25).exit_code == 0
    assert run(some, "--max-unchecked", 0.2).exit_code == 3
    assert run(some, "--max-unchecked", 0.25, "--fail-under", 0.6).exit_code == 1


def test_groundedness_stands_beside_the_citations(run, answers, tmp_path):
    out = tmp_path / "out.json"
    record = {"user_input": "Why?", "response": "I hope this helps. Gamma [1].", "retrieved_contexts": ["A.", "Gamma."]}
    result = run(answers(record), "--groundedness", "sentences", "--check-worthy", "--json", out)
    assert result.exit_code == 0, result.output
    written = from_json(ScoreOutput, out.read_text())
    assert (written.corpus.recall.value, written.corpus.groundedness.value) == (0, 1)
    assert "1 claims, 1 of them supported by a document, cited or not" in result.output
    assert "1 sentences that need no source were left out" in result.output
    under = run(answers(RAGAS), "--groundedness", "clauses", "--figure", "groundedness", "--fail-under", 0.9)
    assert (under.exit_code, "groundedness is 0.500, under 0.9" in under.output) == (1, True)
    assert "needs --groundedness" in run(answers(RAGAS), "--figure", "groundedness").output


def test_what_is_understood_from_the_sentence_before_is_told(run, answers, tmp_path):
    out = tmp_path / "out.json"
    record = {
        "user_input": "?",
        "response": "The tower is old [1]. It is tall [1].",
        "retrieved_contexts": ["The tower is old and tall."],
    }
    assert run(answers(record), "--json", out).exit_code == 0
    claims = [s.claim for s in from_json(ScoreOutput, out.read_text()).answers[0].statements]
    assert claims == ["", "The tower is tall."]
    run(answers(record), "--json", out, "--decontextualize", "none")
    assert [s.claim for s in from_json(ScoreOutput, out.read_text()).answers[0].statements] == ["", ""]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "there is no such file"),
        (["--mode", "loose"], "'--mode': 'loose' is not one of 'strict', 'alce'"),
        (["--figure", "beauty"], "'--figure': 'beauty' is not one of"),
        (["--option", "batch"], "has to be NAME=VALUE"),
        (["--option", "colour=red"], "--option has to be one that 'words' takes"),
        (["--sentences", "guess"], "'--sentences': 'guess' is not one of"),
        (["--threshold", "2"], "'--threshold': 2.0 is not in the range 0<=x<=1"),
        (["--fail-under", "80"], "'--fail-under': 80.0 is not in the range 0<=x<=1"),
        (["--fail-under", "nan"], "'--fail-under': nan is not a finite number"),
        (["--json", "nowhere/out.json"], "there is no folder 'nowhere'"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(run, answers, arguments, message):
    result = run(answers(RAGAS), *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_cache_answers_a_second_run(run, answers, tmp_path):
    path = answers(RAGAS, RAGAS)
    first = run(path)
    judged = Words.asked
    assert (judged, run(path).output, Words.asked) == (2, first.output, 2)
    run(path, "--no-cache")
    assert Words.asked == 4


def test_comparison(run, answers, tmp_path):
    better = {**RAGAS, "response": "Alpha [1]."}
    one, other = answers(*[better] * 5, name="one.jsonl"), answers(*[RAGAS] * 5, name="other.jsonl")
    out = tmp_path / "out.json"
    result = run(one, "--compare", other, "--json", out)
    assert "Difference in Citation recall: +0.500" in result.output
    found = from_json(ScoreOutput, out.read_text()).comparison["recall"]
    assert (found.difference, found.n) == (0.5, 5)
    assert found.p_value < 0.1


def test_what_cannot_be_read_of_the_other_system_is_told(run, answers, tmp_path):
    one, other = answers(RAGAS, RAGAS, name="one.jsonl"), answers(RAGAS, "{", name="other.jsonl")
    out = tmp_path / "out.json"
    result = run(one, "--compare", other, "--json", out)
    assert (result.exit_code, "other.jsonl, record 2: is not JSON" in result.output) == (3, True)
    assert from_json(ScoreOutput, out.read_text()).corpus.n_problems == 0


def test_what_was_scored_is_kept_where_nothing_can_be_compared(run, answers, tmp_path):
    out = tmp_path / "out.json"
    result = run(answers(RAGAS, RAGAS, name="one.jsonl"), "--compare", answers(RAGAS), "--json", out)
    assert (result.exit_code, "have to have the same answers" in result.output) == (2, True)
    written = from_json(ScoreOutput, out.read_text())
    assert (written.corpus.recall.value, written.comparison) == (0.5, None)


def test_a_model_with_brackets_in_its_name_is_told_as_it_is(run, answers, monkeypatch):
    monkeypatch.setattr(Words, "name", "nli:[/models]@1")
    result = run(answers(RAGAS))
    assert (result.exit_code, "entailment nli:[/models]@1" in result.output) == (0, True)


def test_words_of_the_page_are_checked_with_the_threshold_of_the_run(run, answers, tmp_path, monkeypatch):
    monkeypatch.setattr(Words, "judge", lambda self, pairs: [Judgement(0.6) for _ in pairs])
    page = tmp_path / "page.html"
    assert run(answers(RAGAS), "--report", page, "--locate", "alignment", "--threshold", 0.9).exit_code == 0
    (case,) = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text())[1])["cases"]
    assert {found["status"] for found in case["answers"][0]["attributions"]} == {"not_supported"}


def test_the_page(run, answers, tmp_path):
    hostile = {**RAGAS, "response": "Alpha <script>alert(1)</script> [1].", "user_input": "<b>?"}
    page = tmp_path / "page.html"
    assert run(answers(RAGAS, hostile, "{"), "--report", page).exit_code == 3
    html = page.read_text()
    assert html.count("<script") == 2, "the data and the page's own"
    assert "&lt;script&gt;" in html
    shown = json.loads(re.search(r'id="data">(.*?)</script>', html)[1])
    assert [case["answers"][0]["text"] for case in shown["cases"]] == [hostile["response"], RAGAS["response"]]
    assert shown["cases"][1]["documents"][0]["pieces"] == [[0, "Alpha."]]
    assert [name for name, _ in shown["summary"]["unread"]] == ["answers.jsonl, record 3"]
    assert shown["summary"]["figures"][0]["name"] == "Mean F1"


def test_the_words_of_the_page_are_located_beforehand_where_asked(run, answers, tmp_path):
    page = tmp_path / "page.html"
    one = {**RAGAS, "response": "The tower is high [1].", "retrieved_contexts": ["It rains. The tower is high.", "x"]}
    result = run(answers(one), "--report", page, "--locate", "alignment")
    assert result.exit_code == 0, result.output
    (case,) = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text())[1])["cases"]
    (found,) = case["answers"][0]["attributions"]
    assert [span["quote"] for span in found["spans"]] == ["The tower is high."]
    assert (found["status"], found["method"]) == ("supported", "alignment")
    assert "--locate is for the page" in run(answers(one), "--locate", "alignment").output
    assert "'--locate': 'guess' is not one of" in run(answers(one), "--report", page, "--locate", "guess").output


CALIBRATION = {
    "entailment": "words@1+details/3", "threshold": 0.25, "file": "pairs.jsonl",
    "supported_right": 40, "supported": 50, "refused_right": 25, "others": 30,
}  # fmt: skip


def test_a_calibration_sets_the_threshold_of_its_model_only(run, answers, tmp_path):
    out, calibration = tmp_path / "out.json", tmp_path / "calibration.json"
    calibration.write_text(json.dumps(CALIBRATION))
    assert run(answers(RAGAS), "--calibration", calibration, "--json", out).exit_code == 0
    written = from_json(ScoreOutput, out.read_text())
    assert (written.settings["threshold"], written.settings["calibration"]) == (0.25, "calibration.json")
    assert written.settings["judge measured"].startswith("sensitivity 0.80 [0.67, 0.89], specificity 0.83 [")
    called, corrected = written.corpus.supported_share.value, written.corpus.corrected_share
    assert corrected.value == pytest.approx(called * 40 / 45 + (1 - called) * 10 / 35)
    assert corrected.low <= corrected.value <= corrected.high
    calibration.write_text(json.dumps({**CALIBRATION, "entailment": "words@2"}))
    other = run(answers(RAGAS), "--calibration", calibration)
    assert (other.exit_code, "has to be of the model words@1+details/3" in other.output) == (2, True)
    calibration.write_text("[]")
    assert "has to be a file that" in run(answers(RAGAS), "--calibration", calibration).output
    assert "leave one of them out" in run(answers(RAGAS), "--calibration", calibration, "--threshold", 0.5).output


def test_a_run_that_fails_leaves_an_old_file_as_it_was(run, answers, tmp_path):
    out = tmp_path / "out.json"
    out.write_text("old")
    assert run(answers(RAGAS, "{"), "--json", out, "--strict-input").exit_code == 2
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_the_published_schema_is_the_schema():
    published = Path(__file__).parents[2] / "docs" / "score.schema.json"
    assert json.loads(published.read_text()) == schema_of(ScoreOutput)


def test_a_pipe_is_scored_as_the_file_is(run, answers, tmp_path):
    path, pipe = answers(RAGAS), tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(path.read_bytes(),))
    writer.start()
    result = run(pipe)
    writer.join(10)
    assert (result.exit_code, result.output) == (0, run(path).output)


@pytest.mark.parametrize("content", ["", "[]", '{"data": []}'])
def test_a_file_without_answers_is_no_success(run, tmp_path, content):
    path = tmp_path / "empty.json"
    path.write_text(content)
    result = run(path)
    assert result.exit_code == 3
    assert "empty.json, record 0: the file holds no record" in result.output
    assert "mode strict, entailment words@1" in result.output


def test_an_input_is_not_overwritten(run, answers):
    path = answers(RAGAS)
    before = path.read_bytes()
    for option in ("--json", "--report"):
        result = run(path, option, path)
        assert (result.exit_code, "is an input" in result.output) == (2, True)
    assert path.read_bytes() == before


def test_what_only_looks_like_a_citation_is_told(run, answers):
    result = run(answers({**RAGAS, "response": "Alpha (1)."}))
    assert "1 that look like citations, but are in no notation that is read (docs/scoring.md): (1)" in result.output


def test_each_notation_that_is_not_read_is_named_once(run, answers):
    texts = ("Alpha [S1].", "Alpha [S2].", "Alpha（1）.", "Alpha {1}.")
    result = run(answers(*({**RAGAS, "response": text} for text in texts)))
    assert "4 that look like citations" in result.output
    assert ": [S1], （1）, {1}" in result.output


def test_shuffled_answers_are_paired_by_id(run, answers, tmp_path):
    lines = [{**RAGAS, "id": name, "response": text} for name, text in (("a", "Alpha [1]."), ("b", "No [1]."))]
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(json.dumps(line) for line in lines[::-1]))
    result = run(answers(*lines), "--compare", other)
    assert "Difference in Citation recall: +0.000 [0.000, 0.000] p = 1.0000, 2 answers" in result.output


def test_a_file_that_is_given_twice_is_not_counted_twice(run, answers, tmp_path):
    path = answers(RAGAS)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    for other in (path, link):
        result = run(path, other)
        assert (result.exit_code, "is given twice" in result.output) == (2, True)
