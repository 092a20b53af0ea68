"""VCD against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import VCD
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import INF, Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(VCD), two_views())
def test_scores_equal_the_oracle(method: VCD, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.vcd, *views)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (VCD().scores(Z_C, Z_R), [3.0, 0.5, -0.2, -INF]),
        (VCD(plausibility=0.0).scores(Z_C, Z_R), [3.0, 0.5, -0.2, -1.0]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


def test_there_are_a_thousand_steps_of_noise() -> None:
    assert VCD(noise_step=999).noise_step == 999
    with pytest.raises(ValueError, match="`noise_step` has to be at most 999, but is 1000"):
        VCD(noise_step=1000)
