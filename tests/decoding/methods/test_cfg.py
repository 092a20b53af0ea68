"""Classifier-free guidance against a float64 oracle, values computed by hand, and transformers' own rule."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import CAD, CFG
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import UnbatchedClassifierFreeGuidanceLogitsProcessor

from tests.support import oracles
from tests.support.method_laws import ROWS, VIEWS, Z_C, Z_R, assert_equals_oracle, methods_of, two_views

scales = st.floats(0, 6)


@settings(max_examples=60, deadline=None)
@given(methods_of(CFG), two_views())
def test_scores_equal_the_oracle(method: CFG, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.cfg, *views)


@settings(max_examples=60, deadline=None)
@given(scales, VIEWS, VIEWS)
def test_scores_are_those_of_transformers(scale: float, main, negative) -> None:
    class Model:
        def __call__(self, input_ids, **_):
            return type("Output", (dict,), {"logits": torch.tensor(negative)[:, None]})()

    theirs = UnbatchedClassifierFreeGuidanceLogitsProcessor(scale, Model(), torch.zeros(ROWS, 1, dtype=torch.long))
    expected = theirs(torch.zeros(ROWS, 1, dtype=torch.long), torch.tensor(main))  # type: ignore[arg-type]
    torch.testing.assert_close(
        CFG(guidance_scale=scale).scores(torch.tensor(main), torch.tensor(negative)), expected, rtol=1e-5, atol=1e-3
    )


@settings(max_examples=40, deadline=None)
@given(two_views())
def test_a_scale_of_one_is_the_main_view_and_of_zero_the_negative_one(views: tuple[torch.Tensor, torch.Tensor]) -> None:
    main, negative = views
    torch.testing.assert_close(CFG(guidance_scale=1.0).scores(main, negative), main.log_softmax(-1))
    nothing = CFG(guidance_scale=0.0).scores(main, negative)
    both = (main > -torch.inf) & (negative > -torch.inf)
    assert bool((nothing.log_softmax(-1) - negative)[both].isfinite().all())
    for row in range(ROWS):
        shift = (nothing[row] - negative[row])[both[row]]
        torch.testing.assert_close(shift, shift[:1].expand_as(shift), rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 5), two_views())
def test_it_is_the_distribution_of_context_aware_decoding(
    strength: float, views: tuple[torch.Tensor, torch.Tensor]
) -> None:
    guided = CFG(guidance_scale=1.0 + strength).scores(*views)
    torch.testing.assert_close(
        guided.softmax(-1), CAD(strength=strength).scores(*views).softmax(-1), rtol=1e-3, atol=1e-4
    )


def test_values_computed_by_hand() -> None:
    # log p(main) - log p(negative), weighed twice and added to the second: 2 * log p(main) - log p(negative).
    p, q = Z_C[0].double().softmax(-1), Z_R[0].double().softmax(-1)
    expected = (p * p / q).log().float()
    torch.testing.assert_close(CFG(guidance_scale=2.0).scores(Z_C, Z_R)[0], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("scale", [-0.5, float("nan"), "1.5", True])
def test_a_scale_that_is_none_is_refused(scale: object) -> None:
    with pytest.raises(ValueError, match="`guidance_scale` has to be a number of at least 0"):
        CFG(guidance_scale=scale)  # type: ignore[arg-type]
