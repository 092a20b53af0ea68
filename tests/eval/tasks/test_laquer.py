"""LAQuer: what is located and scored, figures by hand, intervals over answers, files that are refused."""

from __future__ import annotations

import json
import re

import pytest
from counterfoil.attribution import Document, Judgement, SourceSpan
from counterfoil.attribution.documents import SourceRange
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.locator import Fact, Locate, LocatingMethod, LocatorEngine, released_premise
from counterfoil.eval.journal import Journal
from counterfoil.eval.runner import run
from counterfoil.eval.task import Answer, Item, with_options
from counterfoil.eval.tasks.laquer import TASK, characters, figures, overlap
from counterfoil.models import load_embedding_model

from tests.support.tasks import tiny_models

A, B = Document("a", "The mill burnt down in 1832. It stood by the river.", "Mills"), Document("b", "Bread is baked.")
ANSWER = "The mill burnt down in 1832 [1]. It was rebuilt in 1840 [2]."


def line(**changes):
    gold = {"document": "a", "start": 0, "end": 27, "quote": A.text[:27]}
    facts = [
        {"id": "f1", "start": 0, "end": 27, "gold": [gold], "cited": ["a"], "kind": "plain"},
        {"id": "f2", "start": 33, "end": 55, "gold": [], "cited": ["b"], "kind": "changed"},
    ]
    documents = [{"id": d.id, "title": d.title, "text": d.text} for d in (A, B)]
    return {"id": "1", "answer": ANSWER, "documents": documents, "facts": facts, "split": "test", **changes}


def dataset(*lines):
    return Dataset("facts.jsonl", "0", "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))


class Words:
    """Supports a claim all of whose words of four letters stand in the premise; fails on `river`."""

    name, threshold = "words@1", 0.5

    def __init__(self):
        self.premises = []

    def judge(self, pairs):
        self.premises += [pair.premise for pair in pairs]
        return [self.one(pair) for pair in pairs]

    @staticmethod
    def one(pair):
        if "river" in pair.hypothesis:
            return Judgement(None, failure="asked to")
        wanted = set(re.findall(r"\w{4,}", pair.hypothesis.lower()))
        return Judgement(float(wanted <= set(re.findall(r"\w{4,}", pair.premise.lower()))))


ALIGNMENT = LocatingMethod("alignment", load_embedding_model())


def evaluated(*lines, engine=None, task=TASK, **options):
    return run(task, engine or LocatorEngine(Words()), [ALIGNMENT], dataset(*lines), models=tiny_models(), **options)


def test_whole_documents_own_spans_and_checked_spans_are_rows():
    result = evaluated(line())
    assert [row.label for row in result.rows] == [
        "whole cited documents", "alignment, its own spans", "alignment, checked",
    ]  # fmt: skip
    whole, own, checked = (row.figures for row in result.rows)
    assert whole["AutoAIS"].value == 0.5, "the second document does not say when it was rebuilt"
    assert whole["length"].value == (len(A.text) + len(B.text)) / 2
    assert whole["ratio"].value == 1.0
    assert own["of supported"].value == 1.0
    assert checked["F1"].value > 0.9
    assert checked["changed with span"].value if "changed with span" in checked else True
    assert checked["without support, with span"].value == 0.0
    assert result.rows[2].settings == {"method": "alignment", "model": None, "verify": True}
    assert result.settings["scorer"] == result.settings["entailment"] == "words@1"
    assert result.n == 1


def test_a_killed_run_goes_on_and_gives_the_same_table(tmp_path):
    lines = [line(), line(id="2", question="What burnt?")]
    expected = evaluated(*lines)
    path = tmp_path / "journal.jsonl"

    class Stopping(LocatorEngine):
        def answer(self, methods, requests):
            if path.read_text().count("\n") == 3:
                raise KeyboardInterrupt
            return super().answer(methods, requests)

    with pytest.raises(KeyboardInterrupt), Journal(path) as journal:
        evaluated(*lines, engine=Stopping(Words()), journal=journal)
    kept = path.read_text()
    with Journal(path) as journal:
        assert evaluated(*lines, journal=journal).table() == expected.table()
    assert path.read_text().startswith(kept)
    assert path.read_text().count("\n") == 4
    asked = Words()
    with Journal(path) as journal:
        assert evaluated(*lines, engine=LocatorEngine(asked), journal=journal).samples == expected.samples
    assert asked.premises == []


def test_a_fact_without_a_verdict_is_told_and_leaves_the_figures():
    bad = line()
    bad["facts"].append({"id": "f3", "start": 0, "end": 8, "claim": "The river.", "cited": ["a"]})
    result = evaluated(bad, engine=LocatorEngine(Words(), decontextualize="given"))
    assert result.unchecked == 2, "an answer under each of the two methods"
    assert any("could not be located or scored: " in note for note in result.notes)
    assert result.notes[-1].startswith("1 fact(s) without a word on their gold spans")
    assert result.rows[0].figures["AutoAIS"].value == 0.5


def test_another_scorer_gives_autoais():
    class Never(Words):
        name = "never@1"

        @staticmethod
        def one(pair):
            return Judgement(0.0)

    result = evaluated(line(), engine=LocatorEngine(Words(), scorer=Never()))
    assert result.rows[2].figures["AutoAIS"].value == 0.0
    assert result.rows[2].figures["F1"].value > 0.9


def test_facts_in_several_parts_are_located_as_one_claim():
    """In LAQuer's released files 39 of 40 highlights have several ranges."""
    parted = line(facts=[{"id": "f", "ranges": [[0, 8], [15, 27]], "text": "The mill down in 1832", "cited": ["a"]}])
    result = evaluated(parted)
    (found,) = result.samples[1]["response"]
    assert found["claim"].startswith("The mill down in 1832")
    assert result.samples[0]["request"]["facts"][0]["ranges"] == ((0, 8), (15, 27))
    assert result.rows[2].figures["AutoAIS"].value == 1.0


def test_only_a_split_is_read():
    task = with_options(TASK, {"split": "dev"})
    assert [item.id for item in task.read(dataset(line(), line(id="2", split="dev")), tiny_models())] == ["2"]
    with pytest.raises(ValueError, match="`split` has to be one of test, but is 'dev'"):
        task.read(dataset(line()), tiny_models())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"facts": [{"start": 0, "end": 99}]}, "fact 1 has to lie within the 60 characters"),
        ({"facts": [{"start": 0, "end": 3, "text": "An"}]}, "fact 1 has to be 'The', but is 'An'"),
        ({"facts": [{"start": 0, "end": 3, "cited": ["z"]}]}, "has to cite documents of the answer, but cites 'z'"),
        ({"facts": [{"end": 3}]}, "'start' is missing"),
        ({"facts": [{"start": 0, "end": 3, "gold": [{"document": "z", "start": 0, "end": 1}]}]}, "but is in 'z'"),
        (
            {"facts": [{"start": 0, "end": 3, "gold": [{"document": "a", "start": 0, "end": 3, "quote": "An"}]}]},
            "the gold of fact 1 has to be 'The', but is 'An'",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named(changes, message):
    with pytest.raises(ValueError, match=r"line 2 of facts.jsonl has to be an answer with facts") as error:
        TASK.read(dataset(line(), line(**changes)), tiny_models())
    assert message in str(error.value)


def spans(*places):
    by_id = {"a": Document("a", "0123456789"), "b": Document("b", "abcdefghij")}
    return characters([vars(SourceSpan.of(by_id[id_], start, end)) for id_, start, end in places])


@pytest.mark.parametrize(
    ("found", "gold", "precision", "recall", "f1", "iou"),
    [
        (spans(("a", 0, 4)), spans(("a", 0, 4)), 1, 1, 1, 1),
        (spans(("a", 2, 6)), spans(("a", 0, 4)), 0.5, 0.5, 0.5, 2 / 6),
        (spans(("a", 0, 10)), spans(("a", 0, 4)), 0.4, 1, 8 / 14, 0.4),
        (spans(("b", 0, 4)), spans(("a", 0, 4)), 0, 0, 0, 0),
        (spans(), spans(("a", 0, 4)), 0, 0, 0, 0),
        (spans(("a", 0, 3), ("a", 1, 4)), spans(("a", 0, 2), ("b", 0, 2)), 0.5, 0.5, 0.5, 2 / 6),
    ],
)
def test_characters_are_compared(found, gold, precision, recall, f1, iou):
    agreed = overlap(found, gold)
    assert (agreed.precision, agreed.recall, agreed.f1, agreed.iou) == pytest.approx((precision, recall, f1, iou))


def test_agreement_with_nothing_has_no_figure_and_a_character_counts_once():
    with pytest.raises(ValueError, match="`gold` has to hold a character"):
        overlap(spans(("a", 0, 4)), spans())
    assert len(spans(("a", 0, 4), ("a", 2, 6), ("b", 0, 1))) == 7


def test_the_released_premise_has_no_titles_and_stops_less_often():
    """Documents by name, joined by a line feed and a blank; white space is one blank; no stop behind punctuation."""
    documents = {
        "b.txt": Document("b.txt", "x  y\nz, and", "Title"), "a.txt": Document("a.txt", "first (one) second", "Title"),
    }  # fmt: skip
    places = [SourceRange("b.txt", 0, 7), SourceRange("a.txt", 12, 18), SourceRange("a.txt", 0, 11)]
    assert released_premise(places, documents) == "first (one) second.\n x y z,"
    judge = Words()
    evaluated(line(), engine=LocatorEngine(judge, released_premise=True))
    assert "Mills" not in judge.premises[0]


def located(answer: str, number: int, *, entailed: bool | None, gold: bool = True) -> Answer:
    request = Locate("", None, (), (Fact(f"{number}", ((0, 8),), None, ()),))
    score = {
        "entailed": entailed, "length": 8 * bool(entailed), "has span": bool(entailed), "gold": gold, "kind": "plain",
        "f1": 1.0 if gold else None, "iou": 1.0 if gold else None, "cited": 28,
    }  # fmt: skip
    return Answer(Item(f"{answer}-{number}", request, group=answer), None, score)


def test_intervals_draw_answers_whole() -> None:
    """Ten facts that stand or fall with their answer are one piece of evidence, not ten."""
    alone = [located(str(n), 0, entailed=n % 2 == 0) for n in range(40)]
    together = [located(str(n % 4), n, entailed=n % 2 == 0) for n in range(40)]
    one, four = figures(alone)["AutoAIS"], figures(together)["AutoAIS"]
    assert one.value == four.value == 0.5
    assert one.interval is not None
    assert four.interval is not None
    assert (four.interval.low, four.interval.high) == (0.0, 1.0)
    assert one.interval.high - one.interval.low < 0.4


def test_a_fact_without_a_verdict_is_in_no_share() -> None:
    found = figures([located("a", 0, entailed=True), located("a", 1, entailed=None), located("b", 2, entailed=True)])
    assert found["AutoAIS"].value == 1.0
    assert figures([located("a", 0, entailed=None)])["AutoAIS"].value is None


def test_unsupported_facts_with_a_span_are_counted_apart() -> None:
    found = figures([located("a", 0, entailed=True), *(located("b", n, entailed=n == 1, gold=False) for n in (1, 2))])
    assert found["without support, with span"].value == 0.5
    assert found["F1"].value == 1.0
