"""CODE against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from counterfoil.decoding.methods import CODE, bounded_divergence
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import oracles
from tests.support.method_laws import INF, ROWS, VIEWS, Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(CODE), two_views())
def test_scores_equal_the_oracle(method: CODE, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    cut = functools.partial(oracles.bounded_divergence, k=method.k)
    assert_equals_oracle(method, oracles.code, *views, cut=cut)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (CODE().scores(Z_C, Z_R), [2.2803, -INF, -INF, -INF]),
        (CODE(k=0.7).scores(Z_C, Z_R), [2.5337, -INF, -INF, -INF]),
        (CODE(k=1.0).scores(Z_C, Z_R), [2.6627, 0.6686, -INF, -INF]),
        (CODE(k=2.0).scores(Z_C, Z_R), [2.8878, 0.5561, -0.1776, -INF]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


# Doubles: as logits in single precision the two 0.1 would be 1e-9 apart, which the power 0.3 makes 0.0003 of D.
P, Q = (torch.tensor([p], dtype=torch.float64).log() for p in ([0.6, 0.3, 0.1], [0.5, 0.4, 0.1]))


@pytest.mark.parametrize(("k", "expected"), [(0.3, 0.5275), (0.7, 0.2362), (1.0, 0.1238), (2.0, 0.0129)])
def test_the_bounded_divergence_and_both_coefficients_by_hand(k: float, expected: float) -> None:
    # k = 1: 1/2 * (1.1 + 0.7) * log2(1.1) = 0.9 * 0.13750 = 0.12375.
    divergence = bounded_divergence(P, Q, k=k)
    assert float(divergence) == pytest.approx(expected, abs=5e-5)
    assert torch.equal(CODE(k=k).coefficients(P, Q)["divergence"], divergence[:, 0])
    scores = CODE(k=k).scores(P, Q)
    cut, strength = expected, 1 - expected
    kept = torch.tensor([[0.6, 0.3, 0.1]]) >= cut * 0.6
    assert (scores > -INF).tolist() == kept.tolist()
    torch.testing.assert_close(scores[kept], ((1 + strength) * P - strength * Q)[kept].float(), atol=1e-4, rtol=0)


@settings(max_examples=60, deadline=None)
@given(p=VIEWS, q=VIEWS, k=st.floats(0.1, 3))
def test_the_bounded_divergence_is_symmetric_and_between_nought_and_one(p: np.ndarray, q: np.ndarray, k: float) -> None:
    for main, contrast in ((torch.tensor(p), torch.tensor(q)), (torch.tensor(p).double(), torch.tensor(q).double())):
        divergence = bounded_divergence(main, contrast, k=k)
        assert torch.equal(divergence, bounded_divergence(contrast, main, k=k))
        assert bool(((divergence >= 0) & (divergence <= 1)).all())
    # The last one, of doubles. For powers below 1, | |a|**k - |b|**k | <= |a - b|**k: rounding of log-probabilities by
    # 2e-14 is 0.04 of D at k = 0.1, and less than 1e-6 from k = 0.44 on.
    bound = 1e-6 + 2e-14 ** min(k, 1.0)
    for row in range(ROWS):
        expected = oracles.bounded_divergence(p[row].astype(float), q[row].astype(float), k)
        assert float(divergence[row]) == pytest.approx(expected, abs=bound)


def test_two_equal_views_are_plain_decoding() -> None:
    main = torch.randn(3, 9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(CODE().scores(main, main), main)


def test_views_with_nothing_in_common_leave_the_image_its_first_choice() -> None:
    p, q = torch.tensor([[40.0, 0.0, 0.0]]), torch.tensor([[0.0, 40.0, 0.0]])
    assert float(bounded_divergence(p, q, k=0.3)) == pytest.approx(1)
    assert (CODE().scores(p, q) > -INF).tolist() == [[True, False, False]]


def test_what_is_forbidden_is_no_disagreement() -> None:
    main = torch.tensor([[1.0, 2.0, -INF, -INF]])
    assert float(bounded_divergence(main, torch.tensor([[1.0, 2.0, 9.0, 9.0]]), k=0.3)) == 0
    assert float(bounded_divergence(main, torch.tensor([[2.0, 1.0, 9.0, 9.0]]), k=0.3)) > 0.1


def test_descriptions_are_a_text_or_one_for_each_image() -> None:
    assert CODE(description=["a", "b"]).description == ("a", "b")
    with pytest.raises(ValueError, match="`description` has to be a text or one for each image, but is 3"):
        CODE(description=3)  # type: ignore[arg-type]
