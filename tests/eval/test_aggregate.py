"""Shares, statistics and their paired differences against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from counterfoil.attribution.statistics import interval
from counterfoil.eval.aggregate import grouped, mean, of_groups, ratio, share, statistic
from counterfoil.eval.requests import Generation
from counterfoil.eval.statistics import mcnemar, wilson
from counterfoil.eval.task import Answer, Item
from hypothesis import given, settings
from hypothesis import strategies as st


def answers(*values: object, groups: str = "") -> list[Answer]:
    items = [Item(str(n), Generation("p", 1), group=groups[n] if groups else "") for n in range(len(values))]
    return [Answer(item, "", {"right": value}) for item, value in zip(items, values, strict=True)]


def test_a_share_is_paired_item_by_item() -> None:
    first = answers(True, True, False, False, False, True)
    method = answers(True, False, True, True, False, True)
    figures = share()("right", method, first, 0)
    assert figures["right"].value == pytest.approx(4 / 6)
    assert figures["difference"].value == pytest.approx(1 / 6)
    assert (figures["gained"].value, figures["lost"].value) == (2, 1)
    # Of three items on which the two differ, two or more or one or fewer go one way: certain.
    assert figures["McNemar p"].value == pytest.approx(1.0)
    low, high = figures["right"].interval.low, figures["right"].interval.high
    # Wilson's interval for 4 of 6, from its formula: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    assert (low, high) == (pytest.approx(0.3000, abs=1e-4), pytest.approx(0.9032, abs=1e-4))
    assert (
        list(share()("right", method, None, 0)) == list(share(compared=False)("right", method, first, 0)) == ["right"]
    )


def test_exchanging_the_methods_exchanges_the_sign() -> None:
    one, other = answers(True, True, False, True, False, True), answers(False, True, True, False, False, False)
    there, back = share()("right", one, other, 0), share()("right", other, one, 0)
    assert there["difference"].value == -back["difference"].value
    assert (there["gained"].value, there["lost"].value) == (back["lost"].value, back["gained"].value)
    assert there["McNemar p"].value == back["McNemar p"].value


def test_equal_methods_do_not_differ_and_one_item_has_no_interval() -> None:
    found = share()("right", answers(True, False, True), answers(True, False, True), 0)
    assert (found["difference"].value, found["McNemar p"].value) == (0.0, 1.0)
    assert (found["difference"].interval.low, found["difference"].interval.high) == (0.0, 0.0)
    assert share()("right", answers(True), answers(False), 0)["difference"].interval is None


def test_wilson_and_mcnemar_by_hand() -> None:
    # z = 1.959964: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) at 8 of 10.
    found = wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    # 5 against 1: 2 * (C(6,0) + C(6,1)) / 2**6
    assert mcnemar(5, 1) == pytest.approx(14 / 64)


def test_a_difference_that_is_the_same_everywhere_has_an_interval_of_no_width() -> None:
    first, method = answers(*range(20)), answers(*(n + 2 for n in range(20)))
    found = statistic(mean("right"))("words", method, first, 0)
    assert found["words"].value == pytest.approx(11.5)
    difference = found["words: difference"]
    assert (difference.value, difference.interval.low, difference.interval.high) == pytest.approx((2, 2, 2))
    assert found["words"].interval.high - found["words"].interval.low > 2


def test_groups_are_drawn_whole() -> None:
    """Two values of one group cancel: drawn whole, every resample has the same mean."""
    values = [0.0, 1.0] * 10
    paired = answers(*values, groups="".join(c * 2 for c in "abcdefghij"))
    whole = statistic(mean("right"))("m", paired, None, 0)
    assert (whole["m"].interval.low, whole["m"].interval.high) == (0.5, 0.5)
    apart = statistic(mean("right"))("m", answers(*values), None, 0)
    assert apart["m"].interval.high - apart["m"].interval.low > 0.2
    assert [len(group) for group in grouped(answers(1, 2, 3, groups="aba"))] == [2, 1]


def test_what_is_not_defined_has_no_figure_or_no_interval() -> None:
    nothing = statistic(mean("right"))("m", answers(None, None), answers(1.0, 1.0), 0)
    assert nothing["m"].value is None
    assert nothing["m: difference"].value is None
    # With one of two values missing, a draw of the missing one alone has no mean.
    some = statistic(mean("right"))("m", answers(None, 3.0), None, 0)
    assert (some["m"].value, some["m"].interval) == (3.0, None)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=4, max_size=12))
def test_weights_are_resampling(cases: list[tuple[int, float]]) -> None:
    """The interval is that of a loop that draws groups and computes the mean of what was drawn."""
    cases += [(4, 0.5), (5, 0.25)]
    given = answers(*(value for _, value in cases), groups="".join("abcdef"[group] for group, _ in cases))
    groups = [[float(answer.score["right"]) for answer in group] for group in grouped(given)]

    def resampled(drawn: list[int]) -> float:
        return float(np.mean([value for number in drawn for value in groups[int(number)]]))

    expected = interval(resampled, range(len(groups)), seed=3)
    found = statistic(mean("right"))("m", given, None, 3)["m"].interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_ratios_sum_before_they_divide_and_only_some_answers_may_count() -> None:
    given = answers(1, 2, 3)
    found = statistic(ratio(lambda a: a.score["right"], lambda a: 2 * a.score["right"]))("r", given, None, 0)
    assert found["r"].value == 0.5
    odd = statistic(mean("right"), only=lambda a: a.score["right"] % 2 == 1)("m", given, None, 0)
    assert odd["m"].value == 2
    assert statistic(mean("right"), only=lambda a: False)("m", given, None, 0) == {}


def test_what_is_counted_in_groups_is_a_mean_over_groups_of_two_or_more() -> None:
    metric = of_groups(lambda group: {"largest": max(a.score["right"] for a in group)}, statistic(mean("largest")))
    assert metric("largest", answers(1, 5, 2, 4, 9, groups="abab" + "c"), None, 0)["largest"].value == 3.5
