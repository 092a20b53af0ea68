"""Arithmetic on logits that may hold -inf, and the plausibility constraint."""

from __future__ import annotations

import numpy as np
import torch
from counterfoil.decoding.methods import extrapolate, finite_floor, forbidden_as_in, plausible
from hypothesis import given, settings

from tests.support.method_laws import INF, ROWS, VIEWS


@given(main=VIEWS)
@settings(max_examples=40, deadline=None)
def test_plausible_keeps_everything_at_zero_and_the_largest_at_one(main: np.ndarray) -> None:
    m = torch.tensor(main)
    assert bool(plausible(m, 0.0).all())
    kept = plausible(m, 1.0)
    assert torch.equal(kept, m == m.amax(-1, keepdim=True))
    assert torch.equal(plausible(m, torch.ones(ROWS, 1)), kept)


def test_what_the_contrast_rules_out_gets_its_floor() -> None:
    assert finite_floor(torch.tensor([[1.0, -INF, -3.0]])).tolist() == [[1.0, -3.0, -3.0]]
    assert finite_floor(torch.tensor([[-INF, -INF]])).tolist() == [[0.0, 0.0]]


def test_what_the_main_view_forbids_stays_forbidden() -> None:
    main, contrast = torch.tensor([[1.0, -INF]]), torch.tensor([[-INF, 5.0]])
    assert forbidden_as_in(main, contrast).tolist() == [[-INF, -INF]]
    assert extrapolate(main, contrast, 2.0).tolist() == [[-7.0, -INF]]
