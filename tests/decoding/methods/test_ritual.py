"""RITUAL against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counterfoil.decoding.methods import RITUAL, VCD, plausible
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import INF, VIEWS, Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(RITUAL), two_views())
def test_scores_equal_the_oracle(method: RITUAL, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.ritual, *views)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (RITUAL().scores(Z_C, Z_R), [5.0, 5.5, 0.6, -INF]),
        (RITUAL(normalize=True).scores(Z_C, Z_R).softmax(-1), [0.4055, 0.4595, 0.1350, 0.0]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


@settings(max_examples=40, deadline=None)
@given(main=VIEWS)
def test_with_the_identity_it_is_a_quarter_of_the_temperature(main: np.ndarray) -> None:
    z = torch.tensor(main)
    expected = (4 * z).masked_fill(~plausible(z, 0.1), -INF)
    torch.testing.assert_close(RITUAL().scores(z, z).log_softmax(-1), expected.log_softmax(-1), atol=1e-4, rtol=0)


@settings(max_examples=60, deadline=None)
@given(main=VIEWS, noised=VIEWS, transformed=VIEWS)
def test_behind_vcd_it_is_their_combination(main: np.ndarray, noised: np.ndarray, transformed: np.ndarray) -> None:
    z, negative, positive = torch.tensor(main), torch.tensor(noised), torch.tensor(transformed)
    chained = RITUAL(plausibility=0.0).scores(VCD().scores(z, negative).log_softmax(-1), positive)
    expected = (2 * z - negative + 3 * positive).masked_fill(~plausible(z, 0.1), -INF)
    torch.testing.assert_close(chained.log_softmax(-1), expected.log_softmax(-1), atol=1e-3, rtol=1e-4)


def test_a_transformation_is_a_name_or_an_operation() -> None:
    assert RITUAL(transform="rotation").transform == "rotation"
    assert RITUAL(transform=abs).transform is abs
    with pytest.raises(ValueError, match=r"`transform` has to be one of 'horizontal_flip', .*, but is 'sepia'"):
        RITUAL(transform="sepia")
