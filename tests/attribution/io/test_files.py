from __future__ import annotations

import json

import pytest
from counterfoil.attribution import Judgement, Scoring
from counterfoil.attribution.io.files import InputError, score_files

GOOD = {"user_input": "?", "response": "Alpha [1]. Beta.", "retrieved_contexts": ["Alpha."]}


def written(tmp_path, *lines):
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_what_cannot_be_read_keeps_its_place_and_the_others_are_scored(tmp_path, words):
    path = written(tmp_path, GOOD, "{", GOOD, {"response": "Alpha [1].", "retrieved_contexts": []}, GOOD)
    for window in (1, 2, 10):
        scored = list(score_files([path], entailment=words, window=window))
        assert [s.record.number for s in scored] == [1, 2, 3, 4, 5]
        assert [s.report and s.report.recall for s in scored] == [0.5, None, 0.5, None, 0.5]
        assert scored[3].failures == ["cites documents but brings none"]


def test_without_markers_and_documents_an_answer_is_an_uncited_one(tmp_path, words):
    path = written(tmp_path, {"response": "Alpha.", "retrieved_contexts": []})
    (scored,) = score_files([path], entailment=words)
    assert scored.report.counts["no_citation"] == 1


def test_for_alce_documents_that_are_missing_are_no_problem(tmp_path, words):
    path = written(tmp_path, {"output": "Alpha [1].", "docs": []})
    (scored,) = score_files([path], entailment=words, scoring=Scoring(mode="alce"))
    assert (scored.report.recall, scored.failures) == (0.0, [])


def test_an_empty_document_is_told(tmp_path, words):
    path = written(tmp_path, {**GOOD, "retrieved_contexts": [" "]})
    (scored,) = score_files([path], entailment=words)
    assert scored.failures == ["the cited document is empty"]
    assert scored.report.n_not_checked == 1


def test_strict_input_stops_at_the_first_bad_record(tmp_path, words):
    path = written(tmp_path, GOOD, "{", "[")
    with pytest.raises(InputError, match=r"answers\.jsonl, record 2: is not JSON"):
        list(score_files([path], entailment=words, strict_input=True))


def test_strict_input_stops_at_the_first_pair_without_a_verdict(tmp_path, table):
    path = written(tmp_path, GOOD)
    failing = table({}, default=Judgement(None, failure="timed out"))
    with pytest.raises(InputError, match="record 1: timed out"):
        list(score_files([path], entailment=failing, strict_input=True))


def test_many_and_large_documents(tmp_path, words):
    contexts = [*["Gamma."] * 98, "Alpha.", "Beta. " * 200_000]
    path = written(tmp_path, {**GOOD, "response": "Alpha [99]. Beta [100].", "retrieved_contexts": contexts})
    (scored,) = score_files([path], entailment=words)
    assert (scored.report.recall, scored.report.precision) == (1.0, 1.0)


def test_a_lone_surrogate_does_not_stop_the_run(tmp_path, words):
    path = written(tmp_path, '{"response": "Alpha \\ud800 [1].", "retrieved_contexts": ["Alpha \\ud800."]}')
    (scored,) = score_files([path], entailment=words)
    assert scored.report.recall == 1.0
    assert all("\ud800" not in text for pair in words.asked for text in pair)
    assert json.loads(scored.report.to_json())["scores"]["recall"] == 1.0


def test_a_list_answer_without_its_question_is_told_and_the_others_are_scored(tmp_path, words):
    lone = {"output": "Alpha [1].", "docs": [{"title": "", "text": "Alpha."}]}
    path = written(tmp_path, lone, {**lone, "question": "Alpha?"})
    scoring = Scoring(mode="alce", list_answer=True)
    first, second = score_files([path], entailment=words, scoring=scoring)
    assert "has no question" in first.failures[0]
    assert second.report.recall == 1.0
