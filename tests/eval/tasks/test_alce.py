"""ALCE: its lists, its other figures by hand, what cuts sentences, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from counterfoil.attribution import Judgement
from counterfoil.attribution.text import statements as splitters
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.judge import JudgeEngine
from counterfoil.eval.runner import run
from counterfoil.eval.task import with_options
from counterfoil.eval.tasks.alce import TASK, first_line, rouge, without_citations

from tests.support.tasks import tiny_models
from tests.support.tiny_language import text

DOCS = [
    {"title": "A", "text": "Ann Moss built North Light."},
    {"title": "B", "text": "Ann Moss built South Light."},
    {"title": "C", "text": "Ann Moss built Harbour Bell."},
]
LIST = {
    "question": "What did Ann Moss build?",
    "output": "North Light [1], South Light [2], Moon Base [3].",
    "docs": DOCS,
}


class Holds:
    """Supports what stands in the premise without its question; fails on `broken`."""

    name, threshold = "holds@1", 0.5

    def __init__(self):
        self.asked = []

    def judge(self, pairs):
        self.asked += pairs
        return [self.one(pair) for pair in pairs]

    @staticmethod
    def one(pair):
        if "broken" in pair.hypothesis:
            return Judgement(None, failure="no answer")
        said = pair.hypothesis.rpartition("?")[2].strip(" .")
        return Judgement(float(said in pair.premise))


def dataset(*answers, name="answers.json"):
    return Dataset(name, "0", json.dumps({"args": {}, "data": list(answers)}))


def evaluated(data, task=TASK, judge=None):
    return run(task, JudgeEngine(judge or Holds()), [None], data, models=tiny_models())


def values(result):
    (row,) = result.rows
    return {name: figure.value for name, figure in row.figures.items()}


def test_a_list_is_read_as_alce_reads_qampari() -> None:
    """By the name of the file, as its scorer does: each item behind the question."""
    judge = Holds()
    found = values(evaluated(dataset(LIST, name="qampari_small.json"), judge=judge))
    assert (found["recall"], found["precision"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert "What did Ann Moss build? North Light" in {pair.hypothesis for pair in judge.asked}
    assert values(evaluated(dataset(LIST)))["recall"] == 0.0, "one sentence"
    asked = with_options(TASK, {"answers": "list"})
    assert values(evaluated(dataset(LIST), asked))["recall"] == pytest.approx(2 / 3)
    apart = with_options(TASK, {"answers": "sentences"})
    assert values(evaluated(dataset(LIST, name="qampari.json"), apart))["recall"] == 0.0


def test_the_figures_of_a_list() -> None:
    answers = [["North Light", "the Northern Light"], ["South Light"], ["Harbour Bell"]]
    found = values(evaluated(dataset({**LIST, "answers": answers}, name="qampari.json")))
    assert found["QAMPARI predictions"] == 3
    assert found["QAMPARI precision"] == found["QAMPARI recall"] == pytest.approx(2 / 3)
    assert found["QAMPARI F1-5"] == pytest.approx(2 / 3)


def test_what_stands_before_the_colon_of_a_chain_of_thought_is_no_list() -> None:
    thought = {**LIST, "output": "She built three, so: North Light, Moon Base.", "answers": [["North Light"]]}
    plain, cot = (values(evaluated(dataset(thought, name="qampari.json"), with_options(TASK, {"cot": one})))
                  for one in (False, True))  # fmt: skip
    assert plain["QAMPARI precision"] == 0.0
    assert cot["QAMPARI precision"] == 1 / 2
    silent = dataset({**thought, "output": "North Light."}, name="qampari.json")
    assert values(evaluated(silent, with_options(TASK, {"cot": True})))["QAMPARI predictions"] == 0


ASQA = {
    "question": "Who built what?",
    "output": "North Light was built by Ann Moss [1]. It is red [2][3].\nMore text [1].",
    "docs": DOCS,
    "qa_pairs": [
        {"question": "Who?", "short_answers": ["Ann Moss", "A. Moss"]},
        {"question": "What?", "short_answers": ["a lighthouse"]},
    ],
    "annotations": [{"long_answer": "North Light was built by Ann Moss."}, {"long_answer": "Nothing at all."}],
    "answer": "North Light was built by Ann Moss.",
    "claims": ["North Light was built by Ann Moss", "It is blue", "broken"],
}


def test_length_str_em_and_rouge_are_of_the_first_line_without_citations() -> None:
    found = values(evaluated(dataset(ASQA, {**ASQA, "output": "A lighthouse by Ann Moss."})))
    assert found["length"] == (10 + 5) / 2
    assert found["STR-EM"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["STR-Hit"] == pytest.approx(1 / 2)
    # Ten words of which seven are those of the better reference: precision 7/10, recall 1.
    first = values(evaluated(dataset(ASQA)))["ROUGE-Lsum"]
    assert first == pytest.approx(2 * 0.7 / 1.7)
    assert rouge("nothing", ["other", "Nothing"], lambda whole: [whole]) == 1.0


def test_figures_that_the_data_do_not_allow_are_not_there() -> None:
    found = values(evaluated(dataset(LIST)))
    assert not {"STR-EM", "ROUGE-Lsum", "QA-EM", "claim recall", "MAUVE", "QAMPARI F1"} & set(found)


def test_claims_are_judged_against_the_answer_where_they_are_asked_for() -> None:
    judge = Holds()
    asked = with_options(TASK, {"claims": True})
    result = evaluated(dataset(ASQA, {**ASQA, "output": ""}), asked, judge)
    # One of the two that got a verdict, and none of an empty answer.
    assert values(result)["claim recall"] == pytest.approx((1 / 2 + 0) / 2)
    premise = "North Light was built by Ann Moss. It is red."
    assert [pair.premise for pair in judge.asked if pair.hypothesis == "It is blue"] == [premise]
    assert (result.unchecked, values(result)["not checked"]) == (1, 1)
    with pytest.raises(ValueError, match="answer 1 has no `claims`, whose recall is asked for"):
        evaluated(dataset(LIST), asked)


def test_a_reader_answers_the_questions_from_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finds:
        def __init__(self, model):
            assert model == "a reader"

        def answers(self, questions, text):
            assert text == without_citations(first_line(ASQA["output"]))
            return ["Ann  moss!" if question == "Who?" else "the red lighthouse" for question in questions]

    monkeypatch.setattr("counterfoil.eval.measures.reading.Reader", Finds)
    found = values(evaluated(dataset(ASQA), with_options(TASK, {"reader": "a reader"})))
    assert (found["QA-EM"], found["QA-Hit"]) == (0.5, 0.0)
    # "red lighthouse" for "lighthouse": one of two words and one of one.
    assert found["QA-F1"] == pytest.approx((1 + 2 / 3) / 2)
    with pytest.raises(ValueError, match="answer 1 has no `qa_pairs`, which the reader is to answer"):
        evaluated(dataset(LIST), with_options(TASK, {"reader": "a reader"}))


def test_mauve_is_of_question_and_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def spied(references, said, language, **given):
        seen.update(references=references, said=said, **given)
        return 12.5

    monkeypatch.setattr("counterfoil.eval.measures.naturalness.mauve", spied)
    asked = with_options(TASK, {"mauve": True})
    long = {**ASQA, "output": " ".join(["word"] * 120) + " [1]."}
    found = values(evaluated(dataset(ASQA, long), asked))
    assert found["MAUVE"] == 12.5
    assert seen["references"][0] == "Who built what? North Light was built by Ann Moss"
    assert seen["said"][0] == "Who built what? North Light was built by Ann Moss. It is red"
    assert len(seen["said"][1].split()) == 100
    assert (seen["equal_lengths"], seen["longest"]) == (False, 512)


def test_mauve_of_few_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"question": text([5, 6]), "answer": text([7]), "output": text([8]), "docs": DOCS}
    result = evaluated(dataset(words), with_options(TASK, {"mauve": True}))
    assert values(result)["MAUVE"] is None
    assert any(note.startswith("MAUVE needs 40 answers") for note in result.notes)


def test_sentences_are_alce_s_where_its_data_are_there_and_else_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def punkt(name):
        if name != "nltk":
            return lambda whole: [whole]
        return lambda whole: re.findall(r"[^.]+\.?", whole)

    monkeypatch.setattr(splitters, "load_splitter", punkt)
    there = evaluated(dataset(ASQA), type(TASK)())
    assert there.details == {"sentences": "nltk"}
    assert there.notes == ()

    def missing(name):
        if name == "nltk":
            raise ValueError("the splitter nltk needs its data")
        return lambda whole: [whole]

    monkeypatch.setattr(splitters, "load_splitter", missing)
    gone = evaluated(dataset(ASQA), type(TASK)())
    assert gone.details == {"sentences": "sentencex"}
    assert "sentences are cut by sentencex; ALCE's are NLTK's punkt" in gone.notes[0]
    assert evaluated(dataset(LIST, name="qampari.json"), type(TASK)()).notes == (), "a list is not cut"
    with pytest.raises(ValueError, match="needs its data"):
        evaluated(dataset(ASQA), with_options(TASK, {"sentences": "nltk"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("[]", "holds none"),
        ('{"data": []}', "holds none"),
        ('{"data": [{"output": "x"}]}', "answer 1 has no field `docs`"),
        ('{"response": "x", "retrieved_contexts": []}\n{}', "answer 2 has to have the fields"),
        ('{"data": [{"output": "x", "docs": []}]}', None),
    ],
)
def test_files_are_read_or_refused_by_name(text: str, message: str | None) -> None:
    if message is None:
        assert evaluated(Dataset("a.json", "0", text)).n == 1
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluated(Dataset("a.json", "0", text))


def test_a_record_that_has_a_field_called_data_is_no_file_of_alce() -> None:
    record = {"response": "North Light [1].", "retrieved_contexts": ["North Light."], "data": [1, 2]}
    assert evaluated(Dataset("a.json", "0", json.dumps(record))).n == 1


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="`max_citations` has to be at least 1, but is 0"):
        with_options(TASK, {"max_citations": 0})
    asked = with_options(TASK, {"answers": "list"})
    with pytest.raises(ValueError, match="answer 1 has no question, which the items of a list are read with"):
        evaluated(dataset({"output": "x", "docs": DOCS}), asked)
