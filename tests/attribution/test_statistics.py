"""Intervals agree with scipy's bootstrap draw by draw, do not depend on the block size, and stay small in memory."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from counterfoil.attribution import statistics
from counterfoil.attribution.statistics import (
    Comparison,
    Interval,
    Reliability,
    bootstrap,
    corrected_share,
    f1,
    interval,
    mean,
    mean_of,
    paired_test,
    proportion,
    ratio_of,
    resample_weights,
    sums_by_group,
    wilson,
)
from scipy import stats

VALUES = [(7 * n % 11) / 11 for n in range(101)]
OTHERS = [(5 * n % 13) / 13 for n in range(101)]


def test_plain_figures_have_no_nan():
    assert (mean([]), mean([1.0, 2.0]), proportion(1, 0), f1(0.0, 0.0), f1(0.5, 1.0)) == (
        None,
        1.5,
        0.0,
        0.0,
        pytest.approx(2 / 3),
    )


def test_the_interval_is_scipys():
    ours = bootstrap({"mean": mean_of(VALUES), "ratio": ratio_of(VALUES, OTHERS)}, len(VALUES), resamples=500, seed=3)

    def scipys(statistic, *samples):
        found = stats.bootstrap(
            samples,
            statistic,
            n_resamples=500,
            method="percentile",
            paired=True,
            vectorized=False,
            rng=3,
        )
        return pytest.approx(tuple(found.confidence_interval), abs=1e-12)

    assert (ours["mean"].low, ours["mean"].high) == scipys(np.mean, VALUES)
    assert (ours["ratio"].low, ours["ratio"].high) == scipys(lambda a, b: np.sum(a) / np.sum(b), VALUES, OTHERS)
    any_function = interval(lambda a, b: sum(a) / sum(b), VALUES, OTHERS, resamples=500, seed=3)
    assert (any_function.low, any_function.high) == scipys(lambda a, b: np.sum(a) / np.sum(b), VALUES, OTHERS)


@pytest.mark.parametrize("at_once", [1, 101, 1_000])
def test_as_if_all_were_drawn_at_once(monkeypatch, at_once):
    found = bootstrap({"mean": mean_of(VALUES)}, 101, resamples=300)
    tested = paired_test(VALUES, OTHERS, resamples=300)
    monkeypatch.setattr(statistics, "AT_ONCE", at_once)
    assert bootstrap({"mean": mean_of(VALUES)}, 101, resamples=300) == {
        "mean": Interval(pytest.approx(found["mean"].low), pytest.approx(found["mean"].high), 0.95)
    }
    again = paired_test(VALUES, OTHERS, resamples=300)
    assert again.difference == tested.difference
    assert again.p_value == pytest.approx(tested.p_value, abs=0.1)


def test_resamples_are_not_all_held_in_memory(monkeypatch):
    monkeypatch.setattr(statistics, "AT_ONCE", 20_000)
    values = VALUES * 99
    bootstrap({"mean": mean_of(VALUES)}, 101, resamples=3)
    tracemalloc.start()
    bootstrap({"mean": mean_of(values)}, len(values), resamples=200)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200 * len(values) * 8 / 2


def test_each_resample_draws_as_many_items_as_there_are():
    blocks = list(resample_weights(7, resamples=50, seed=1))
    weights = np.concatenate(blocks)
    assert weights.shape == (50, 7)
    assert set(weights.sum(axis=1)) == {7.0}


def test_groups_are_drawn_whole():
    sums = sums_by_group([[1, 1], [2, 1], [4, 1]], ["a", "b", "a"])
    assert sums.tolist() == [[5.0, 2.0], [2.0, 1.0]]
    found = bootstrap({"mean": ratio_of(sums[:, 0], sums[:, 1])}, 2, resamples=200)["mean"]
    assert (found.low, found.high) == (2.0, 2.5)


def test_what_has_no_interval():
    assert bootstrap({"mean": mean_of([1.0])}, 1) == {"mean": None}
    undefined = bootstrap({"log": lambda weights: np.where(weights[:, 0] == 0, math.nan, 1.0)}, 3, resamples=100)
    assert undefined == {"log": None}
    with pytest.raises(ValueError, match="`level`"):
        bootstrap({}, 3, level=1.0)


def test_a_single_pair_says_nothing():
    assert paired_test([1.0], [0.25]) == Comparison(0.75, None, 1.0, 1)


@pytest.mark.parametrize(("part", "whole"), [(0, 7), (7, 7), (80, 96), (1, 1)])
def test_the_interval_of_a_share_is_scipys(part, whole):
    reference = stats.binomtest(part, whole).proportion_ci(method="wilson")
    found = wilson(part, whole)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def reliability(cells, drawn):
    hit, missed, wrong, refused = cells
    return Reliability(hit, hit + missed, refused, wrong + refused, "these", drawn)


PPI = [  # ppi_py 0.2.3: ppi_mean_pointestimate and ppi_mean_ci with the lambda of least variance, on the same counts
    ((40, 10, 5, 25), 260, 400, 0.67777778, 0.58974423, 0.76581133),
    ((18, 2, 6, 24), 430, 1000, 0.36634615, 0.26546035, 0.46723195),
    ((70, 30, 12, 88), 40, 150, 0.41408295, 0.34385583, 0.48431008),
]


@pytest.mark.parametrize(("cells", "supported", "judged", "value", "low", "high"), PPI)
def test_with_labelled_pairs_of_the_same_answers_it_is_prediction_powered_inference(
    cells, supported, judged, value, low, high
):
    verdicts = [1] * supported + [0] * (judged - supported)
    found, around = corrected_share(verdicts, [1] * judged, reliability(cells, drawn=True))
    assert found == pytest.approx(value, abs=1e-8)
    assert (around.low, around.high) == pytest.approx((low, high), abs=0.02)


@pytest.mark.parametrize("drawn", [True, False])
def test_the_interval_of_a_corrected_share_holds_the_truth_as_often_as_it_says(drawn):
    rng, held, runs = np.random.default_rng(0), 0, 300
    for run in range(runs):
        truth, sensitivity, specificity = rng.uniform(0.2, 0.9), rng.uniform(0.7, 0.95), rng.uniform(0.7, 0.95)
        labelled = rng.random(150) < (truth if drawn else 0.5)
        said = np.where(labelled, rng.random(150) < sensitivity, rng.random(150) > specificity)
        cells = [np.sum(labelled & said), np.sum(labelled & ~said), np.sum(~labelled & said), np.sum(~labelled & ~said)]
        statements = rng.random((80, 5)) < truth
        verdicts = np.where(statements, rng.random((80, 5)) < sensitivity, rng.random((80, 5)) > specificity)
        found = corrected_share(verdicts.sum(axis=1), [5] * 80, reliability(cells, drawn), resamples=400, seed=run)
        held += found[1].low <= truth <= found[1].high
    assert 0.92 <= held / runs <= 0.99


def test_what_cannot_be_corrected():
    coin = Reliability(5, 10, 5, 10, "these")
    assert corrected_share([3], [5], coin) is None
    assert corrected_share([], [], coin) is None
    assert corrected_share([0], [0], coin) is None
    assert corrected_share([3], [5], Reliability(0, 0, 9, 10, "these")) is None
    # Few pairs without an error do not make a judge that never errs.
    value, around = corrected_share([30], [50], Reliability(8, 8, 8, 8, "these"))
    assert value == pytest.approx(0.6)
    assert around.low < 0.55
    assert around.high > 0.65


def test_the_same_seed_gives_the_same_interval():
    one, other = (corrected_share([3, 4, 0], [5, 5, 2], Reliability(80, 96, 19, 27, "these")) for _ in range(2))
    assert one == other
