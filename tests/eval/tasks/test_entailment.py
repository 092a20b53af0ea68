"""Entailment models on labelled pairs: figures against scikit-learn and by hand, floors, calibration."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from counterfoil.attribution.entailment import Judgement, Pair
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.judge import JudgeEngine
from counterfoil.eval.labelled_pairs import (
    LabelledPair,
    balanced_accuracy,
    even_weights,
    hold_out,
    read_pairs,
    threshold,
)
from counterfoil.eval.results import Result
from counterfoil.eval.runner import run
from counterfoil.eval.task import with_options
from counterfoil.eval.tasks.entailment import TASK, calibration_error, hypothesis_only, reliability
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from tests.support.coloured_pairs import coloured
from tests.support.tasks import tiny_models


def lines(pairs: list[LabelledPair]) -> str:
    return "".join(json.dumps(vars(pair)) + "\n" for pair in pairs)


class Copier:
    """Supports what the premise repeats; fails if the hypothesis says so."""

    name = "copier@1"
    threshold = 0.5

    def judge(self, pairs: list[Pair]) -> list[Judgement]:
        return [
            Judgement(None, failure="asked to")
            if pair.hypothesis == "fail"
            else Judgement(float(pair.premise.split()[-1] in pair.hypothesis.split()))
            for pair in pairs
        ]


def evaluated(pairs: list[LabelledPair], train: Path | None = None) -> Result:
    task = with_options(TASK, {"train": train})
    return run(task, JudgeEngine(Copier()), [None], Dataset("dev.jsonl", "", lines(pairs)), models=tiny_models())


def test_failures_are_counted_apart_and_floors_stand_beside(tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text(lines(coloured(40, seed=2)))
    result = evaluated([*coloured(40), LabelledPair("the hat is red", "fail", "supported", "two")], train)
    figures = {row.label: row.figures for row in result.rows}
    assert list(figures) == ["three", "two", "mean"]
    assert figures["mean"]["balanced accuracy"].value == 1.0
    interval = figures["mean"]["balanced accuracy"].interval
    assert (interval.low, interval.high) == (1.0, 1.0)
    assert {name: one["not checked"].value for name, one in figures.items()} == {"three": 0, "two": 1, "mean": 1}
    assert [figures[name]["AUROC"].value for name in ("three", "two")] == [1.0, 1.0]
    assert result.details["reliability"]["error"] == 0.0
    # The colour of the hypothesis tells nothing of its truth, and a likeness of embeddings little.
    assert all(0.2 < figures[name]["hypothesis only"].value < 0.8 for name in ("three", "two"))
    assert "embedding cosine" in figures["three"]
    assert figures["mean"]["pairs"].value == 80
    assert result.unchecked == 1
    assert result.notes[0].startswith("expected calibration error: 0.000 at even odds, 0.000 at the odds of the file")
    assert result.table()[0][0] == "source"


def test_training_pairs_that_stand_beside_the_data_are_found(tmp_path: Path) -> None:
    data = tmp_path / "dev.jsonl"
    assert TASK.located([data]) is TASK
    (tmp_path / "train.jsonl").write_text(lines(coloured(4)))
    assert TASK.located([data]).train == tmp_path / "train.jsonl"
    assert TASK.located([tmp_path / "train.jsonl"]) is TASK


def test_a_source_with_pairs_of_one_kind_is_in_no_mean_and_the_mean_says_so() -> None:
    one_sided = [LabelledPair(f"p{n} red", "it is red", "supported", "one") for n in range(4)]
    result = evaluated([*coloured(20), *one_sided])
    figures = {row.label: row.figures for row in result.rows}
    assert figures["one"]["balanced accuracy"].value is None
    assert figures["one"]["AUROC"].value is None
    assert figures["mean of 2 of 3"]["balanced accuracy"].value == 1.0
    assert json.loads(result.as_json())["rows"][0]["figures"]["balanced accuracy"]["value"] is None


def test_data_without_any_verdict_are_refused() -> None:
    with pytest.raises(ValueError, match="hold a pair that the model can judge, but hold none"):
        evaluated([LabelledPair("p", "fail", "supported", "s")])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30))
def test_balanced_accuracy_is_that_of_scikit_learn(cases: list[tuple[bool, bool]]) -> None:
    truth, verdict = zip(*cases, strict=True)
    if len(set(truth)) < 2:
        assert math.isnan(balanced_accuracy(truth, verdict))
    else:
        assert balanced_accuracy(truth, verdict) == pytest.approx(balanced_accuracy_score(truth, verdict))


def test_whole_premises_are_drawn() -> None:
    """The pairs of one premise stand or fall together: treated as independent, the interval is too narrow."""

    def interval(of: int) -> float:
        pairs = [
            LabelledPair(f"p {n // of} {'red' if n // 20 % 2 else 'blue'}", "it is red", label, "s")
            for n in range(80)
            for label in (("supported", "not_supported")[n % 2],)
        ]
        found = evaluated(pairs).rows[0].figures["balanced accuracy"].interval
        return found.high - found.low

    assert interval(20) == 0.0, "every premise has as many right as wrong pairs"
    assert interval(1) > 0.1


def test_calibration_error_by_hand() -> None:
    # Two pairs at 0.9 of which one is supported, two at 0.1 of which none is.
    bins = reliability([0.9, 0.9, 0.1, 0.1], [True, False, False, False], [0.25] * 4)
    assert [(b["pairs"], b["supported"]) for b in bins] == [(2, 0.0), (2, 0.5)]
    assert calibration_error(bins) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)


def test_even_weights_leave_out_a_one_sided_source() -> None:
    weights = even_weights([True, True, False, True], ["a", "a", "a", "b"])
    assert weights.tolist() == pytest.approx([0.25, 0.25, 0.5, 0.0])


def test_threshold_divides_the_sides() -> None:
    probability = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]
    assert 0.3 < threshold(probability, [False] * 3 + [True] * 3, ["s"] * 6) <= 0.7


def test_no_premise_is_on_both_sides_of_the_split() -> None:
    pairs = coloured(300)
    kept, held = hold_out(pairs, 40, seed=0)
    assert not {p.premise for p in kept} & {p.premise for p in held}
    assert sorted(map(str, kept + held)) == sorted(map(str, pairs))
    assert {s: sum(p.source == s for p in held) for s in ("three", "two")} == {"three": 40, "two": 40}
    assert hold_out(list(reversed(pairs)), 40, seed=0)[1] == list(reversed(held))
    assert hold_out(pairs, 40, seed=1)[1] != held


def test_the_hypothesis_floor_finds_a_leak() -> None:
    def leaky(number: int) -> list[LabelledPair]:
        return [
            LabelledPair("p", f"surely it is thing {i}", "supported", "s")
            if i % 2
            else LabelledPair("p", f"i think so {i}", "not_supported", "s")
            for i in range(number)
        ]

    assert hypothesis_only(leaky(40), leaky(10)) == [False, True] * 5


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    good = {"premise": "p", "hypothesis": "h", "label": "neutral", "source": "s"}
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | {"label": "maybe"}) + "\n")
    with pytest.raises(ValueError, match=r"line 2.*'maybe'"):
        read_pairs(path)
    path.write_text(json.dumps(good) + '\n{"premise": "p"}\n')
    with pytest.raises(ValueError, match=r"line 2 of pairs.jsonl has to be a labelled pair"):
        read_pairs(path)


def test_the_interval_is_that_of_a_loop_over_resamples() -> None:
    draw = np.random.default_rng(5)
    pairs = [
        LabelledPair(f"p {n // 2} {'red' if draw.random() < 0.7 else 'blue'}", "it is red", label, "s")
        for n, label in enumerate(["supported", "not_supported"] * 10)
    ]
    found = evaluated(pairs).rows[0].figures["balanced accuracy"].interval
    verdicts = np.array([pair.premise.endswith("red") for pair in pairs])
    truth = np.array([pair.supported for pair in pairs])
    places = [
        np.flatnonzero([pair.premise == premise for pair in pairs])
        for premise in dict.fromkeys(p.premise for p in pairs)
    ]
    rng, values = np.random.default_rng((0, 0)), []
    for drawn in rng.integers(0, len(places), (2000, len(places))):
        chosen = np.concatenate([places[n] for n in drawn])
        values.append(balanced_accuracy(truth[chosen], verdicts[chosen]))
    if np.isnan(values).any():
        assert found is None
    else:
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
