"""M3ID against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import M3ID
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(M3ID), two_views())
def test_scores_equal_the_oracle(method: M3ID, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.m3id, *views)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (M3ID(gate=1.0).scores(Z_C, Z_R, step=10), [2.2214, 0.8893, -0.0443, -1.0]),
        (M3ID(gate=1.0).scores(Z_C, Z_R, step=50), [3.7183, 0.1409, -0.3437, -1.0]),
        (M3ID(gate=0.3).scores(Z_C, Z_R, step=50), [2.0, 1.0, 0.0, -1.0]),
        (M3ID(gate=1.0, max_weight=1.0).scores(Z_C, Z_R, step=500), [3.0, 0.5, -0.2, -1.0]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


def test_without_decay_or_at_the_first_token_it_is_plain_decoding() -> None:
    assert torch.equal(M3ID(decay=0.0).scores(Z_C, Z_R, step=100), Z_C)
    assert torch.equal(M3ID().scores(Z_C, Z_R, step=0), Z_C)


def test_the_offset_counts_as_tokens() -> None:
    assert torch.equal(M3ID(gate=1.0, offset=30).scores(Z_C, Z_R, step=20), M3ID(gate=1.0).scores(Z_C, Z_R, step=50))


def test_each_row_may_have_a_step_of_its_own() -> None:
    method = M3ID(gate=1.0)
    main, contrast, steps = Z_C.repeat(3, 1), Z_R.repeat(3, 1), torch.tensor([[0], [10], [50]])
    together = method.scores(main, contrast, step=steps)
    for row, step in enumerate(steps.flatten().tolist()):
        assert torch.equal(together[row], method.scores(Z_C, Z_R, step=step)[0])
    weights = method.coefficients(main, contrast, step=steps)["weight"]
    torch.testing.assert_close(weights, torch.tensor([0.0, 0.2214, 1.7183]), atol=1e-4, rtol=0)


def test_the_weight_is_finite_without_a_bound() -> None:
    assert M3ID(gate=1.0, max_weight=None).weight(Z_C, 10_000).isfinite().all()
