"""Intervals and tests do not depend on how many values are drawn at once, and never need all resamples in memory."""

from __future__ import annotations

import tracemalloc

import pytest
from counterfoil.attribution import statistics as uncertainty
from counterfoil.attribution.statistics import Comparison, interval, paired_test

VALUES = [(7 * n % 11) / 11 for n in range(101)]
OTHERS = [(5 * n % 13) / 13 for n in range(101)]


def mean(values):
    return float(sum(values)) / len(values)


@pytest.mark.parametrize("at_once", [1, 101, 1_000])
def test_as_if_all_were_drawn_at_once(monkeypatch, at_once):
    found, tested = interval(mean, VALUES, resamples=300), paired_test(VALUES, OTHERS, resamples=300)
    monkeypatch.setattr(uncertainty, "AT_ONCE", at_once)
    assert found is not None
    again = interval(mean, VALUES, resamples=300)
    assert again is not None
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=0.01)
    again = paired_test(VALUES, OTHERS, resamples=300)
    assert again.difference == tested.difference
    assert again.p_value == pytest.approx(tested.p_value, abs=0.1)


def test_resamples_are_not_all_held_in_memory(monkeypatch):
    monkeypatch.setattr(uncertainty, "AT_ONCE", 20_000)
    values = VALUES * 99
    interval(mean, VALUES, resamples=3)
    tracemalloc.start()
    interval(mean, values, resamples=200)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200 * len(values) * 8 / 2


def test_a_single_pair_says_nothing():
    assert paired_test([1.0], [0.25]) == Comparison(0.75, None, 1.0, 1)
