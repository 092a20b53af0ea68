"""POPE's figures, against counts by hand and scikit-learn; its questions and its splits."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.vision import VisionEngine, methods
from counterfoil.eval.runner import run
from counterfoil.eval.statistics import Interval
from counterfoil.eval.tasks import pope
from counterfoil.eval.tasks.pope import (
    TASK,
    Polled,
    chosen,
    detectable,
    difference,
    figures,
    read_questions,
    says_yes,
)
from counterfoil.models import load_vision_model
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from tests.support.tasks import tiny_models

# Three right yes, one missed; one false yes, three right no.
THERE = [True, True, True, True, False, False, False, False]
YES = [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
IMAGES = ["a", "a", "b", "b", "c", "c", "d", "d"]


def value(found: dict, name: str) -> float:
    return found[name].value


def test_figures_by_hand() -> None:
    found = figures(Polled(IMAGES, THERE, YES))
    assert {name: figure.value for name, figure in found.items()} == {
        "accuracy": 0.75, "precision": 0.75, "recall": 0.75, "F1": 0.75, "yes": 0.5,
    }  # fmt: skip
    scored = figures(Polled(IMAGES, THERE, YES, [4, 3, 2, 0, 2.5, 0, -1, -2]))
    # Of 16 pairs: 4 beats 4, 3 beats 4, 2 beats 3, 0 beats 2 and draws one.
    assert value(scored, "AUC") == pytest.approx((4 + 4 + 3 + 2 + 0.5) / 16)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_figures_are_those_of_scikit_learn(cases: list[tuple[bool, bool, int]]) -> None:
    there, yes, score = map(list, zip(*cases, strict=True))
    found = figures(Polled([str(i) for i in range(len(cases))], there, [float(y) for y in yes], score))
    options = {"zero_division": 0.0}
    assert value(found, "accuracy") == pytest.approx(accuracy_score(there, yes))
    assert value(found, "precision") == pytest.approx(precision_score(there, yes, **options))
    assert value(found, "recall") == pytest.approx(recall_score(there, yes, **options))
    assert value(found, "F1") == pytest.approx(f1_score(there, yes, **options))
    if len(set(there)) == 2:
        assert value(found, "AUC") == pytest.approx(roc_auc_score(there, score))


def test_the_area_in_a_resample_is_that_of_what_was_drawn() -> None:
    there, score, times = [True, False, True, False, False], [2.0, 2.0, 1.0, 0.5, 3.0], [2, 1, 0, 3, 1]
    drawn = [place for place, n in enumerate(times) for _ in range(n)]
    weighed = Polled(list("abcde"), there, [0.0] * 5, score).statistics["AUC"](np.array([times], float))
    assert weighed[0] == pytest.approx(roc_auc_score([there[n] for n in drawn], [score[n] for n in drawn]))


def test_drawn_answers_have_their_expected_figures() -> None:
    found = figures(Polled(["a", "b"], [True, False], [0.75, 0.5]))
    assert value(found, "accuracy") == pytest.approx((0.75 + 0.5) / 2)
    assert value(found, "yes") == pytest.approx(0.625)
    assert value(found, "precision") == pytest.approx(0.75 / 1.25)


def test_images_are_drawn_whole() -> None:
    draw = np.random.default_rng(0)
    right = draw.random(40) < 0.5
    yes = np.repeat(right, 10).astype(float)
    there = [True] * 400
    whole = figures(Polled(np.repeat(np.arange(40).astype(str), 10).tolist(), there, yes.tolist()))["accuracy"].interval
    apart = figures(Polled(np.arange(400).astype(str).tolist(), there, yes.tolist()))["accuracy"].interval
    assert whole is not None
    assert apart is not None
    assert whole.high - whole.low == pytest.approx(math.sqrt(10) * (apart.high - apart.low), rel=0.2)
    share = right.mean()
    assert whole.high - whole.low == pytest.approx(2 * 1.96 * math.sqrt(share * (1 - share) / 40), rel=0.15)


def test_a_difference_is_paired() -> None:
    first = Polled(IMAGES, THERE, YES)
    better = Polled(IMAGES, THERE, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    found = difference(better, first)
    assert found.value == pytest.approx(0.125)
    assert found.interval is not None
    assert found.interval.low == 0.0
    assert difference(first, first).interval == Interval(0.0, 0.0, 0.95)
    with pytest.raises(ValueError, match="same questions in the same order"):
        difference(Polled(IMAGES[::-1], THERE, YES), first)


def test_what_could_have_been_found() -> None:
    assert detectable(Interval(-0.0196, 0.0196, 0.95)) == pytest.approx(0.028)
    assert detectable(None) is None


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("Yes", True),
        ("no", False),
        ("No, there is not.", False),
        ("There is not a dog. Yes", False),
        ("Yes. There is no cat.", True),
        ("A dog is there", True),
        ("Nothing", True),
        ("NO", True),  # the released rule does not know it
    ],
)
def test_answers_are_read_as_the_released_code_reads_them(answer: str, yes: bool) -> None:
    assert says_yes(answer) == yes


def written(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_answers_that_are_there_already(tmp_path: Path) -> None:
    labels = [{"image": p, "text": "?", "label": "yes" if t else "no"} for p, t in zip(IMAGES, THERE, strict=True)]
    questions = Dataset("q.json", "0", "".join(json.dumps(row) + "\n" for row in labels))
    said = [{"answer": "Yes" if yes else "No, there is none."} for yes in YES]
    task = replace(TASK, answers=written(tmp_path / "a.jsonl", said))
    engine = task.given()
    assert engine is not None
    result = run(task, engine, [None], questions, models=tiny_models())
    assert result.rows[0].label == "a.jsonl"
    assert result.rows[0].figures["F1"].value == 0.75
    assert [sample["score"]["greedy"] for sample in result.samples] == YES
    few = replace(TASK, answers=written(tmp_path / "few.jsonl", said[:1]))
    with pytest.raises(ValueError, match="has to hold 8 answers, one a question, but holds 1"):
        few.read(questions, tiny_models())
    bad = replace(TASK, answers=written(tmp_path / "bad.jsonl", [said[0], {}]))
    with pytest.raises(ValueError, match=r"line 2 of bad.jsonl has to be an answer"):
        bad.given()


def test_questions_are_read_and_a_bad_line_is_named() -> None:
    good = {"question_id": 1, "image": "x.jpg", "text": "Is there a snowboard in the image?", "label": "yes"}
    assert read_questions(Dataset("file.json", "0", json.dumps(good))) == [("x.jpg", good["text"], True)]
    bad = json.dumps(good) + "\n" + json.dumps(good | {"label": "maybe"})
    with pytest.raises(ValueError, match=r"line 2 of file.json has to be a question of POPE"):
        read_questions(Dataset("file.json", "0", bad))
    with pytest.raises(ValueError, match="is empty"):
        read_questions(Dataset("file.json", "0", "\n"))


def test_a_question_of_several_splits_is_asked_once_and_counts_in_each() -> None:
    engine = VisionEngine(load_vision_model("scenes"))
    asked: list = []
    answer = engine.answer
    engine.answer = lambda some, requests: asked.extend(requests) or answer(some, requests)
    dataset = TASK.load([], limit=4, seed=1)
    result = run(TASK, engine, methods("none,ritual", {}), dataset, seed=1, models=tiny_models())
    items = TASK.read(dataset, tiny_models())
    assert len(items) == result.n == 3 * 4 * 6
    assert len(asked) == len({(item.facts["image"], item.facts["question"]) for item in items}) < len(items)
    labels = [row.label for row in result.rows if row.label.startswith("adversarial")]
    assert labels == [
        "adversarial: none, greedy", "adversarial: none, sampled",
        "adversarial: temperature (strength 3, plausibility 0.1), sampled", "adversarial: transformed, greedy",
        "adversarial: ritual (strength 3, plausibility 0.1, normalize False), greedy",
        "adversarial: ritual (strength 3, plausibility 0.1, normalize False), sampled",
    ]  # fmt: skip
    assert "over control" in result.rows[-1].figures
    assert "would have been found in four of five such experiments" in result.notes[0]


def test_settings_are_chosen_once_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pope, "IMAGES", 2)
    engine = VisionEngine(load_vision_model("scenes"))
    found = chosen(methods("none,temperature,ritual,none", {}), engine, "unclear", 0)
    assert [one.name for one in found] == ["none", "temperature", "ritual", "none"]
    assert found[1].decoding.parameters["strength"] == found[2].decoding.parameters["strength"]
    with pytest.raises(ValueError, match="--choose has to be left out if settings are given, but ritual has some"):
        chosen(methods("ritual", {"strength": 1.0}), engine, "unclear", 0)
