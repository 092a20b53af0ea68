"""Factors of the detail check: fitted on counts drawn from known ones, they come back."""

from __future__ import annotations

import numpy as np
import pytest

from training.entailment.detail_factors import KINDS, counted, fitted, lowered


def test_factors_that_made_the_labels_are_found_again():
    draw = np.random.default_rng(0)
    factors = np.array([0.02, 0.3, 1.0])
    counts = (draw.random((20_000, 3)) < 0.3).astype(float)
    log_odds = draw.normal(1.0, 1.5, 20_000)
    scores = log_odds + counts @ np.log(factors)
    truth = draw.random(20_000) < 1 / (1 + np.exp(-scores))
    assert fitted(counts, log_odds, truth) == pytest.approx(factors, rel=0.15)


def test_a_kind_that_was_never_found_keeps_the_prior():
    found = fitted(np.zeros((50, 2)), np.zeros(50), np.ones(50, dtype=bool), prior=0.1)
    assert found == pytest.approx([0.1, 0.1], rel=1e-3)


def test_findings_are_counted_by_kind_and_lower_the_log_odds():
    counts = counted([["number", "number", "roles"], []])
    assert counts.shape == (2, len(KINDS))
    assert counts.sum(axis=1).tolist() == [3, 0]
    left = lowered(np.array([5.0, 5.0]), counts, dict.fromkeys(KINDS, 0.1))
    assert left == pytest.approx([5 + 3 * np.log(0.1), 5.0])
