"""Intervals and paired tests against values from the literature and by hand."""

from __future__ import annotations

import pytest
from counterfoil.eval.comparison import accuracy, paired_accuracy


def test_accuracy_has_wilsons_interval() -> None:
    # By hand, z = 1.959964: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) at 8 of 10.
    found = accuracy([True] * 8 + [False] * 2)
    assert (found.right, found.n, found.value) == (8, 10, 0.8)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.49016, 0.94332), abs=1e-5)


def test_mcnemar_is_exact() -> None:
    # 5 against 1: 2 * (C(6,0) + C(6,1)) / 2**6
    method = [True] * 5 + [False] + [True] * 4
    other = [False] * 5 + [True] + [True] * 4
    found = paired_accuracy(method, other)
    assert (found.gained, found.lost) == (5, 1)
    assert found.p_value == pytest.approx(14 / 64)
    assert found.difference == pytest.approx(0.4)
    assert found.interval is not None
    assert found.interval.low <= 0.4 <= found.interval.high


def test_exchanging_the_methods_exchanges_the_sign() -> None:
    one, other = [True, True, False, True, False, True], [False, True, True, False, False, False]
    there, back = paired_accuracy(one, other), paired_accuracy(other, one)
    assert there.difference == -back.difference
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.p_value == back.p_value


def test_equal_methods_do_not_differ() -> None:
    found = paired_accuracy([True, False, True], [True, False, True])
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)


def test_one_item_has_no_interval() -> None:
    assert paired_accuracy([True], [False]).interval is None


@pytest.mark.parametrize(("one", "other"), [([True], [True, False]), ([], [])])
def test_unequal_or_empty_samples_are_refused(one: list[bool], other: list[bool]) -> None:
    with pytest.raises(ValueError, match="both methods have to have the same items"):
        paired_accuracy(one, other)


def test_no_items_have_no_accuracy() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        accuracy([])
