"""The journal: what is found again, what a kill leaves, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
from counterfoil.eval.journal import FORMAT, Journal, digest, recorded
from counterfoil.eval.requests import Choice, Generation, Judgements

MODEL = {"model": "m", "dtype": "float32"}
WRITE = Generation("a b", 4)
CHOOSE = Choice("a", (" b", " c"))
ASKED = Judgements("a", ("b",))


def line(key, response):
    return {"format": FORMAT, "key": key, "response": response}


def test_answers_are_found_again_by_another_process(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.add([line("one", "text"), line("two", recorded((-1.5, -math.inf)))])
    again = Journal(path)
    assert again.response("one", WRITE) == "text"
    assert again.response("two", CHOOSE) == (-1.5, -math.inf)
    assert "three" not in again


def test_a_line_that_a_kill_cut_off_is_removed_and_the_file_goes_on(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps(line("one", "text")) + '\n{"key": "two", "resp')
    with Journal(path) as journal:
        assert "two" not in journal
        journal.add([line("two", "ü\n")])
    assert [json.loads(text)["key"] for text in path.read_text().splitlines()] == ["one", "two"]
    assert Journal(path).response("two", WRITE) == "ü\n"


@pytest.mark.parametrize("text", ["no json\n", "[]\n", '{"key": "x"}\n'])
def test_a_file_of_another_kind_is_refused_and_left_alone(text, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text(json.dumps(line("one", "text")) + "\n" + text)
    with pytest.raises(ValueError, match=r"line 2 of .*notes\.txt has to be an answer of an earlier run"):
        Journal(path)
    assert path.read_text().endswith(text)


def test_without_a_file_answers_last_as_long_as_the_journal():
    with Journal() as journal:
        journal.add([line("one", "text")])
        assert journal.response("one", WRITE) == "text"


def test_a_digest_changes_with_everything_that_changes_an_answer():
    found = [
        digest(MODEL, "cad", {"strength": 1.0}, WRITE),
        digest({**MODEL, "dtype": "bfloat16"}, "cad", {"strength": 1.0}, WRITE),
        digest(MODEL, "cid", {"strength": 1.0}, WRITE),
        digest(MODEL, "cad", {"strength": 0.5}, WRITE),
        digest(MODEL, "cad", {"strength": 1.0}, Generation("a b", 5)),
        digest(MODEL, "cad", {"strength": 1.0}, Generation("a b", 4, contrast="b")),
        digest(MODEL, "cad", {"strength": 1.0}, Choice("a b", (" c",))),
    ]
    assert len(set(found)) == len(found)
    assert digest(MODEL, "cad", {"strength": 1.0}, Generation("a b", 4)) == found[0]


@pytest.mark.parametrize("kind", [None, "counterfoil.answer/1"])
def test_answers_of_an_older_version_are_refused_by_name(kind, tmp_path):
    path = tmp_path / "old.jsonl"
    old = {"key": "one", "response": "text"} | ({"format": kind} if kind else {})
    path.write_text(json.dumps(line("zero", "text")) + "\n" + json.dumps(old) + "\n")
    with pytest.raises(ValueError, match=r"line 2 of .*old\.jsonl has to be an answer in the format counterfoil"):
        Journal(path)


def test_an_instrument_that_failed_is_asked_again_by_the_next_run(tmp_path):
    path = tmp_path / "journal.jsonl"
    told = [[{"supported": 0.5}], [{"failure": "no answer"}], {"recall": None, "failure": "down"}]
    with Journal(path) as journal:
        journal.add([line(str(n), response) for n, response in enumerate(told)])
        assert journal.response("1", ASKED) == told[1]
    again = Journal(path)
    assert [str(n) in again for n in range(3)] == [True, False, False]
