"""DoLa against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from counterfoil.decoding.methods import DoLa, dola_layer, jensen_shannon
from counterfoil.decoding.methods.dola import exchanged_divergence
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import INF, ROWS, VIEWS, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(DoLa), two_views())
def test_scores_equal_the_oracle(method: DoLa, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.dola, *views)


@settings(max_examples=60, deadline=None)
@given(p=VIEWS, q=VIEWS)
def test_jensen_shannon_is_symmetric_bounded_and_equals_its_oracle(p: np.ndarray, q: np.ndarray) -> None:
    lp, lq = torch.tensor(p).log_softmax(-1), torch.tensor(q).log_softmax(-1)
    divergence = jensen_shannon(lp, lq)
    torch.testing.assert_close(divergence, jensen_shannon(lq, lp), atol=1e-5, rtol=1e-4)
    assert bool(((divergence >= 0) & (divergence <= math.log(2))).all())
    for row in range(ROWS):
        expected = oracles.jensen_shannon(lp[row].double().exp().numpy(), lq[row].double().exp().numpy())
        assert float(divergence[row]) == pytest.approx(expected, abs=2e-5)


def test_jensen_shannon_of_disjoint_distributions_is_log_two() -> None:
    p, q = torch.tensor([[0.0, -INF]]), torch.tensor([[-INF, 0.0]])
    assert float(jensen_shannon(p, q)) == pytest.approx(math.log(2))
    assert float(jensen_shannon(p, p)) == 0


@settings(max_examples=60, deadline=None)
@given(p=VIEWS, q=VIEWS)
def test_the_released_divergence_is_torch_s_with_the_mixture_for_its_target(p: np.ndarray, q: np.ndarray) -> None:
    lp, lq = (torch.tensor(view).double().log_softmax(-1) for view in (p, q))
    mixture = 0.5 * (lp.exp() + lq.exp())
    terms = [torch.nn.functional.kl_div(one, mixture, reduction="none").sum(-1) for one in (lp, lq)]
    torch.testing.assert_close(exchanged_divergence(lp, lq), 0.5 * (terms[0] + terms[1]), atol=1e-9, rtol=1e-9)


def test_the_released_divergence_may_choose_another_layer() -> None:
    final = torch.tensor([[0.0, 0.0, -3.0]])
    layers = torch.stack([torch.tensor([[4.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, -99.0]])])
    assert DoLa(layers=(4, 7)).coefficients(final, layers)["layer"].tolist() == [4]
    assert DoLa(layers=(4, 7), released=True).coefficients(final, layers)["layer"].tolist() == [7]
    forbidden = torch.tensor([[0.0, 0.0, -INF]])
    assert DoLa(layers=(4, 7), released=True).coefficients(forbidden, layers)["layer"].tolist() == [4]


def test_the_most_different_layer_is_chosen_for_each_row() -> None:
    final = torch.tensor([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    layers = torch.stack([final[[0, 0]], final[[1, 1]]])
    assert dola_layer(final, layers).tolist() == [1, 0]
    assert torch.equal(DoLa().chosen(final, layers), final[[1, 0]])
    assert DoLa(layers=(4, 7)).coefficients(final, layers)["layer"].tolist() == [7, 4]
    assert DoLa(layers=4).coefficients(final, layers[:1])["layer"].tolist() == [4, 4]


def test_what_is_forbidden_is_no_difference_between_layers() -> None:
    main = torch.tensor([[1.0, 2.0, -INF, -INF]])
    alike, unlike = torch.tensor([[1.0, 2.0, 9.0, 9.0]]), torch.tensor([[2.0, 1.0, -9.0, -9.0]])
    assert dola_layer(main, torch.stack([alike, unlike])).tolist() == [1]


@pytest.mark.parametrize("layers", ["middle", [], [1, 1], [-1], -1, [True], 2.5, None])
def test_what_names_no_layers_is_refused(layers: object) -> None:
    with pytest.raises(ValueError, match=r"`layers` has to be .* but is "):
        DoLa(layers=layers)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "layers"), [("low", "low"), ("3", (3,)), ("0,2", (0, 2))])
def test_layers_are_read_from_a_command_line(text: str, layers: object) -> None:
    assert DoLa.parameter("layers").read(text) == layers
    with pytest.raises(ValueError, match="--layers has to be low, high, a layer or several with commas, but is 'x'"):
        DoLa.parameter("layers").read("x")
