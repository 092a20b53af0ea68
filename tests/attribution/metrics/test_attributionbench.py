from __future__ import annotations

import pytest
from counterfoil.attribution.metrics.attributionbench import IN_DOMAIN, Verdict, attributionbench, premise
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score


def rows(subset, *pairs):
    return [Verdict(subset, gold, predicted) for gold, predicted in pairs]


def test_by_hand():
    found = attributionbench(
        rows("LFQA", (True, True), (True, False), (False, False), (False, True), (False, False), (True, None))
    )
    score = found.subsets["LFQA"]
    # Readable: TP 1, FN 1, TN 2, FP 1. F1 of attributable 2/4, of the other 4/6.
    assert score.macro_f1 == pytest.approx((1 / 2 + 2 / 3) / 2)
    # With the unreadable one as a false negative: F1 2/5 and 4/7.
    assert score.macro_f1_with_unparsed == pytest.approx((2 / 5 + 4 / 7) / 2)
    assert score.accuracy == pytest.approx(3 / 5)
    assert (score.false_positive_share, score.false_negative_share) == (1 / 5, 1 / 5)
    assert (score.false_positive_rate, score.false_negative_rate) == (pytest.approx(1 / 3), 1 / 2)
    assert (score.n, score.n_unparsed) == (6, 1)


def test_means_are_of_subsets_and_need_all_of_them():
    perfect = ((True, True), (False, False))
    wrong = ((True, False), (False, True))
    table = [row for subset in IN_DOMAIN[:3] for row in rows(subset, *perfect)]
    assert attributionbench(table).in_domain is None
    found = attributionbench([*table, *rows(IN_DOMAIN[3], *wrong * 3), *rows("BEGIN", *perfect)])
    assert found.in_domain == pytest.approx(3 / 4)
    assert found.out_of_domain is None
    assert found.pooled.accuracy == pytest.approx(8 / 14)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_macro_f1_against_scikit_learn(pairs):
    gold, predicted = zip(*pairs, strict=True)
    found = attributionbench(rows("x", *pairs)).pooled
    expected = f1_score(gold, predicted, labels=[True, False], average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(expected)
    assert found.false_positive_share + found.false_negative_share == pytest.approx(1 - found.accuracy)


def test_nothing():
    found = attributionbench([])
    assert (found.subsets, found.in_domain, found.pooled.n) == ({}, None, 0)


def test_premise():
    assert premise(["a", "b"]) == "a\n\n\nb"
