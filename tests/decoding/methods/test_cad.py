"""Context-aware decoding against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import CAD
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(CAD), two_views())
def test_scores_equal_the_oracle(method: CAD, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.cad, *views)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (CAD(strength=1.0).scores(Z_C, Z_R), [3.0, 0.5, -0.2, -1.0]),
        (CAD(strength=0.0).scores(Z_C, Z_R), [2.0, 1.0, 0.0, -1.0]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)
