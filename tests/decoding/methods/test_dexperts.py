"""DExperts against a float64 oracle, values computed by hand, and proxy tuning."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import DExperts
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import Z_C, Z_R, assert_equals_oracle, methods_of, views_of


@settings(max_examples=60, deadline=None)
@given(methods_of(DExperts), views_of(DExperts))
def test_scores_equal_the_oracle(method: DExperts, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.dexperts, *views)


def test_values_computed_by_hand() -> None:
    anti = torch.tensor([[0.0, 1.0, 0.2, 1.0]])
    scores = DExperts(strength=2.0, plausibility=0.0).scores(Z_C, torch.stack([Z_R, anti]))
    torch.testing.assert_close(scores[0], torch.tensor([4.0, 2.0, 0.0, -5.0]))
    cut = DExperts(strength=2.0, plausibility=0.2).scores(Z_C, torch.stack([Z_R, anti]))
    assert cut[0].isfinite().tolist() == [True, True, False, False]


def test_it_reads_two_contrasts() -> None:
    for given_ in (0, 1, 3):
        with pytest.raises(ValueError, match=f"dexperts has to be given 2 contrasts, but is given {given_}"):
            DExperts().check_contrasts(given_)
    DExperts().check_contrasts(2)
