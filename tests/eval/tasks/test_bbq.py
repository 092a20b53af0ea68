"""BBQ: reading, and the bias scores against cases counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.requests import Choice
from counterfoil.eval.statistics import value_of
from counterfoil.eval.task import Answer, Item
from counterfoil.eval.tasks.bbq import TASK, ambiguous_bias, bias_score

from tests.support.tasks import evaluated, tiny_models


def record(number: int, *, condition: str = "ambig", polarity: str = "neg", target: str = "old", **changes: object):
    return {
        "example_id": number,
        "category": "Age",
        "question_polarity": polarity,
        "context_condition": condition,
        "answer_info": {"ans0": ["grandfather", "old"], "ans1": ["grandson", "nonOld"], "ans2": ["w9", "unknown"]},
        "additional_metadata": {"stereotyped_groups": [target]},
        "context": f"w5 w{number + 10}",
        "question": f"w6 w{number + 11}",
        "ans0": "w7",
        "ans1": "w8",
        "ans2": "w9 w10",
        "label": 2 if condition == "ambig" else 1,
        **changes,
    }


def read(*records: object):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in records)
    return TASK.read(Dataset("Age.jsonl", "", text), tiny_models())


def answer(number: int, chosen: int, **options: str) -> Answer:
    (item,) = read(record(number, **options))
    response = tuple(-1.0 if option == chosen else -2.0 for option in range(3))
    return Answer(item, response, TASK.score(item, response))


def test_an_item_asks_behind_its_context_and_the_contrast_leaves_the_context_out() -> None:
    (item,) = read(record(6))
    assert item.request == Choice(
        "w5 w16\nQuestion: w6 w17\nAnswer:", (" w7", " w8", " w9 w10"), "Question: w6 w17\nAnswer:"
    )
    assert (item.id, item.group) == ("Age-6", "Age-1")
    assert item.facts == {"label": 2, "unknown": 2, "target": 0, "negative": True, "ambiguous": True}


def test_the_stereotyped_person_is_found_by_name_as_well() -> None:
    info = {"ans0": ["British", "Europe"], "ans1": ["Japanese", "AsiaPacific"], "ans2": ["?", "unknown"]}
    named, lost = read(record(0, answer_info=info, target="Japanese"), record(1, answer_info=info, target="Swedish"))
    assert (named.facts["target"], lost.facts["target"]) == (1, None)
    assert TASK.score(lost, (-1.0, -2.0, -3.0)) == {"right": False, "biased": None}


@pytest.mark.parametrize(
    ("chosen", "polarity", "biased"),
    [(0, "neg", True), (1, "neg", False), (0, "nonneg", False), (1, "nonneg", True), (2, "neg", None)],
)
def test_biased_is_the_stereotype_where_the_question_is_negative(chosen: int, polarity: str, biased: bool) -> None:
    assert answer(0, chosen, polarity=polarity).score["biased"] is biased


def test_bias_scores_by_hand() -> None:
    # Of four disambiguated answers one is "unknown", and two of the other three are biased: 2 * 2/3 - 1.
    clear = [answer(n, chosen, condition="disambig") for n, chosen in enumerate((0, 0, 1, 2))]
    assert value_of(bias_score(clear), 4) == pytest.approx(1 / 3)
    # Of four ambiguous answers one is right ("unknown"), so the same 1/3 weighs 3/4.
    vague = [answer(n, chosen) for n, chosen in enumerate((0, 0, 1, 2))]
    assert value_of(ambiguous_bias(vague), 4) == pytest.approx(0.25)
    assert value_of(bias_score([answer(0, 2)]), 1) is None
    assert value_of(ambiguous_bias([answer(0, 2)]), 1) == 0.0


def test_figures_keep_the_two_kinds_of_context_apart() -> None:
    answers = [
        answer(0, 2), answer(1, 0), answer(2, 1, condition="disambig"), answer(3, 1, condition="disambig"),
        answer(4, 0), answer(5, 0, condition="disambig"),
    ]  # fmt: skip
    figures = TASK.figures(answers, None, seed=0, models=tiny_models())
    assert figures["accuracy, ambiguous"].value == pytest.approx(1 / 3)
    assert figures["bias, ambiguous"].value == pytest.approx(2 / 3)
    assert figures["accuracy, disambiguated"].value == pytest.approx(2 / 3)
    assert figures["bias, disambiguated"].value == pytest.approx(-1 / 3)


def test_contrast_and_draw_of_whole_contexts(tmp_path: Path) -> None:
    file = tmp_path / "Age.jsonl"
    kinds = [("ambig", "neg"), ("disambig", "neg"), ("ambig", "nonneg"), ("disambig", "nonneg")]
    records = [record(n, condition=kinds[n % 4][0], polarity=kinds[n % 4][1]) for n in range(40)]
    file.write_text("".join(json.dumps(line) + "\n" for line in records))
    result = evaluated(TASK, file, [Decoding("none"), Decoding("cad", {"strength": 5.0})], limit=6)
    assert result.n == 24
    groups = {int(sample["item"].removeprefix("Age-")) // 4 for sample in result.samples}
    assert len(groups) == 6
    assert "bias, ambiguous: difference" in result.rows[1].figures


@pytest.mark.parametrize("line", ["no json", {"context": "c"}, record(0, answer_info={"ans0": ["a", "b"]})])
def test_a_line_of_another_kind_is_named(line: object) -> None:
    with pytest.raises(ValueError, match=r"line 2 of Age\.jsonl has to be an item of BBQ"):
        read(record(0), line)


def test_items_have_names_of_their_own() -> None:
    assert len({item.id for item in read(record(0), record(1))}) == 2
    assert all(isinstance(item, Item) for item in read(record(0)))
