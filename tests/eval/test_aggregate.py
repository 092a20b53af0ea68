"""Shares, statistics and their paired differences against cases counted by hand."""

from __future__ import annotations

import pytest
from counterfoil.eval.aggregate import grouped, mean_of, share, statistic
from counterfoil.eval.requests import Generation
from counterfoil.eval.task import Answer, Item


def answers(*values: object, groups: str = "") -> list[Answer]:
    items = [Item(str(n), Generation("p", 1), group=groups[n] if groups else "") for n in range(len(values))]
    return [Answer(item, "", {"right": value}) for item, value in zip(items, values, strict=True)]


def test_a_share_is_paired_item_by_item() -> None:
    first = answers(True, True, False, False, False, True)
    method = answers(True, False, True, True, False, True)
    figures = share("right", method, first, seed=0)
    assert figures["right"].value == pytest.approx(4 / 6)
    assert figures["difference"].value == pytest.approx(1 / 6)
    assert (figures["gained"].value, figures["lost"].value) == (2, 1)
    # Of three items on which the two differ, two or more or one or fewer go one way: certain.
    assert figures["McNemar p"].value == pytest.approx(1.0)
    low, high = figures["right"].interval.low, figures["right"].interval.high
    # Wilson's interval for 4 of 6, from its formula: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    assert (low, high) == (pytest.approx(0.3000, abs=1e-4), pytest.approx(0.9032, abs=1e-4))
    assert list(share("right", method, None, seed=0)) == ["right"]


def test_a_difference_that_is_the_same_everywhere_has_an_interval_of_no_width() -> None:
    first, method = answers(*range(20)), answers(*(n + 2 for n in range(20)))
    found = statistic("words", mean_of("right"), method, first, seed=0)
    assert found["words"].value == pytest.approx(11.5)
    difference = found["words: difference"]
    assert (difference.value, difference.interval.low, difference.interval.high) == pytest.approx((2, 2, 2))
    assert found["words"].interval.high - found["words"].interval.low > 2


def test_groups_are_drawn_whole() -> None:
    """Two values of one group cancel: drawn whole, every resample has the same mean."""
    values = [0.0, 1.0] * 10
    whole = statistic(
        "m", mean_of("right"), answers(*values, groups="".join(c * 2 for c in "abcdefghij")), None, seed=0
    )
    assert (whole["m"].interval.low, whole["m"].interval.high) == (0.5, 0.5)
    apart = statistic("m", mean_of("right"), answers(*values), None, seed=0)
    assert apart["m"].interval.high - apart["m"].interval.low > 0.2
    assert [len(group) for group in grouped(answers(1, 2, 3, groups="aba"))] == [2, 1]


def test_what_is_not_defined_has_no_figure_or_no_interval() -> None:
    nothing = statistic("m", mean_of("right"), answers(None, None), answers(1.0, 1.0), seed=0)
    assert nothing["m"].value is None
    assert nothing["m: difference"].value is None
    # With one of two values missing, a draw of the missing one alone has no mean.
    some = statistic("m", mean_of("right"), answers(None, 3.0), None, seed=0)
    assert (some["m"].value, some["m"].interval) == (3.0, None)
