"""A weighted sum against a float64 oracle, and the methods that are weighted sums."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import CAD, DExperts, WeightedSum
from counterfoil.decoding.methods.weighted_sum import read_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import oracles
from tests.support.method_laws import assert_contract, assert_equals_oracle, methods_of, two_views, views_of


@settings(max_examples=60, deadline=None)
@given(methods_of(WeightedSum), two_views())
def test_scores_equal_the_oracle(method: WeightedSum, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.weighted_sum, *views)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(2, 5))
def test_any_number_of_views(data: st.DataObject, count: int) -> None:
    weights = tuple(data.draw(st.lists(st.floats(-3, 3), min_size=count, max_size=count)))
    drawn = [data.draw(two_views()) for _ in range(count)]
    method, main = WeightedSum(weights=weights), drawn[0][0]
    contrast = torch.stack([contrast for _, contrast in drawn])
    assert_contract(method, main, contrast)
    assert_equals_oracle(method, oracles.weighted_sum, main, contrast)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 4), views_of(DExperts))
def test_cad_and_dexperts_are_weighted_sums(strength: float, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    main, contrast = views
    cad = WeightedSum(weights=(-strength,), main_weight=1 + strength, plausibility=0.0)
    torch.testing.assert_close(cad.scores(main, contrast[0]), CAD(strength=strength).scores(main, contrast[0]))
    both = WeightedSum(weights=(strength, -strength), main_weight=1.0)
    torch.testing.assert_close(
        both.scores(main, contrast), DExperts(strength=strength).scores(main, contrast), rtol=1e-4, atol=1e-4
    )


def test_there_is_a_weight_for_each_contrast() -> None:
    WeightedSum(weights=(1, -1)).check_contrasts(2)
    with pytest.raises(ValueError, match="`weights` has to hold a number for each of 3 contrasts"):
        WeightedSum(weights=(1, -1)).check_contrasts(3)
    assert WeightedSum(weights=[1, -2]) == WeightedSum(weights=(1.0, -2.0))  # type: ignore[arg-type]
    for wrong in ([], "1", [True], [float("nan")], [1e9], None):
        with pytest.raises(ValueError, match="`weights` has to"):
            WeightedSum(weights=wrong)  # type: ignore[arg-type]


def test_weights_are_read_from_a_command_line() -> None:
    assert read_weights("1 -0.5") == (1.0, -0.5)
    with pytest.raises(ValueError, match="--weights has to be numbers"):
        read_weights("1,2")
