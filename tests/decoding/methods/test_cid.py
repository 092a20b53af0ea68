"""Contrastive input decoding against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import CID
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import INF, Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(CID), two_views())
def test_scores_equal_the_oracle(method: CID, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.cid, *views)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (CID(strength=1.0).scores(Z_C, Z_R).softmax(-1), [0.7532, 0.1509, 0.0693, 0.0266]),
        (CID(strength=10.0).scores(Z_C, Z_R).softmax(-1), [0.9948, 0.0008, 0.0028, 0.0016]),
        (CID(strength=1.0, rule="log_ratio").scores(Z_C, Z_R), [3.0, 0.5, -0.2, -INF]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


def test_what_is_forbidden_is_no_difference() -> None:
    main, contrast = torch.tensor([[1.0, 2.0, -INF, -INF]]), torch.tensor([[1.0, 2.0, 9.0, 9.0]])
    torch.testing.assert_close(CID(strength=50.0).scores(main, contrast), main.log_softmax(-1))
