"""Each rule against a float64 oracle, hand-computed values, and the contract that all rules share."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
import torch
from counterfoil.decoding import rules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

ROWS, VOCABULARY = 3, 11
finite = st.floats(-30, 30, width=32)
views = arrays(np.float32, (ROWS, VOCABULARY), elements=finite)
shares = st.floats(0.01, 1)
strengths = st.floats(0, 5)

RULES = {
    "cad": (rules.cad, oracles.cad, {"alpha": strengths}),
    "cid_probability": (rules.cid, oracles.cid, {"strength": st.floats(0, 80)}),
    "cid_log_ratio": (rules.cid, oracles.cid, {"strength": strengths, "rule": st.just("log_ratio"), "alpha": shares}),
    "obrien": (rules.contrastive_decoding, oracles.contrastive_decoding, {"alpha": shares, "beta": strengths}),
    "li": (
        rules.contrastive_decoding,
        oracles.contrastive_decoding,
        {"alpha": shares, "formulation": st.just("li"), "amateur_temperature": st.floats(0.25, 4)},
    ),
    "dola": (rules.dola, oracles.dola, {"alpha": shares}),
}


def masks(allowed: st.SearchStrategy) -> st.SearchStrategy:
    """Boolean masks that leave at least one token a row."""
    return allowed.map(lambda keep: keep | (np.arange(VOCABULARY) == 0))


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rule_equals_its_float64_oracle_and_keeps_the_contract(name: str, data: st.DataObject) -> None:
    rule, oracle, parameters = RULES[name]
    main, other = data.draw(views), data.draw(views)
    keep = data.draw(masks(arrays(bool, (ROWS, VOCABULARY))))
    other_keep = data.draw(masks(arrays(bool, (ROWS, VOCABULARY))))
    main, other = np.where(keep, main, -np.inf), np.where(other_keep, other, -np.inf)
    given_parameters = {key: data.draw(values) for key, values in parameters.items()}
    inputs = torch.tensor(main, dtype=torch.float32), torch.tensor(other, dtype=torch.float32)
    before = [view.clone() for view in inputs]

    scores = rule(*inputs, **given_parameters)

    assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True)), "changed its input in place"
    assert scores.dtype == torch.float32
    assert scores.shape == (ROWS, VOCABULARY)
    assert not scores.isnan().any()
    assert not (scores == torch.inf).any()
    assert bool((scores > -torch.inf).any(-1).all())
    assert bool((scores[~torch.tensor(keep)] == -torch.inf).all())
    for row in range(ROWS):
        expected = oracle(main[row].astype(float), other[row].astype(float), **given_parameters)
        actual = scores[row].double().numpy()
        # A token within rounding of the plausibility cut may fall on either side of it.
        alpha = given_parameters.get("alpha", 0.1)
        lp = oracles.log_softmax(main[row].astype(float))
        on_the_cut = np.abs(lp - lp.max() - math.log(max(alpha, 1e-9))) < 1e-5
        np.testing.assert_array_equal(np.isinf(actual)[~on_the_cut], np.isinf(expected)[~on_the_cut])
        both = np.isfinite(actual) & np.isfinite(expected)
        np.testing.assert_allclose(actual[both], expected[both], rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=25, deadline=None)
@given(main=views, other=views, order=st.permutations(range(ROWS)))
def test_rows_do_not_see_each_other(name: str, main: np.ndarray, other: np.ndarray, order: list[int]) -> None:
    rule, _, parameters = RULES[name]
    fixed = {
        key: {"alpha": 0.1, "strength": 2.0, "beta": 0.5, "amateur_temperature": 0.5}.get(key) for key in parameters
    }
    fixed |= {"rule": "log_ratio"} if "rule" in parameters else {}
    fixed |= {"formulation": "li"} if "formulation" in parameters else {}
    m, o = torch.tensor(main), torch.tensor(other)
    assert torch.equal(rule(m, o, **fixed)[order], rule(m[order], o[order], **fixed))


Z_C, Z_R = torch.tensor([[2.0, 1.0, 0.0, -1.0]]), torch.tensor([[1.0, 1.5, 0.2, -1.0]])
INF = math.inf


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (rules.cad(Z_C, Z_R, alpha=1.0), [3.0, 0.5, -0.2, -1.0]),
        (rules.contrastive_decoding(Z_C, Z_R, alpha=0.1, beta=0.5), [2.5, 0.75, -0.1, -INF]),
        (rules.contrastive_decoding(Z_C, Z_R, formulation="li"), [0.7333, -0.7667, -0.4667, -INF]),
        (
            rules.contrastive_decoding(Z_C, Z_R, formulation="li", amateur_temperature=0.5),
            [0.9306, -1.0694, 0.5306, -INF],
        ),
        (rules.cid(Z_C, Z_R, strength=1.0).softmax(-1), [0.7532, 0.1509, 0.0693, 0.0266]),
        (rules.cid(Z_C, Z_R, strength=10.0).softmax(-1), [0.9948, 0.0008, 0.0028, 0.0016]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


@settings(max_examples=60, deadline=None)
@given(main=views, other=views)
def test_zero_strength_is_the_main_view(main: np.ndarray, other: np.ndarray) -> None:
    m, o = torch.tensor(main), torch.tensor(other)
    assert torch.equal(rules.cad(m, o, alpha=0.0), m)
    torch.testing.assert_close(rules.cid(m, o, strength=0.0), m.log_softmax(-1))
    assert torch.equal(rules.contrastive_decoding(m, o, alpha=0.0, beta=0.0), m)


@settings(max_examples=60, deadline=None)
@given(p=views, q=views)
def test_jensen_shannon_is_symmetric_bounded_and_equals_its_oracle(p: np.ndarray, q: np.ndarray) -> None:
    lp, lq = torch.tensor(p).log_softmax(-1), torch.tensor(q).log_softmax(-1)
    divergence = rules.jensen_shannon(lp, lq)
    torch.testing.assert_close(divergence, rules.jensen_shannon(lq, lp), atol=1e-5, rtol=1e-4)
    assert bool(((divergence >= 0) & (divergence <= math.log(2))).all())
    for row in range(ROWS):
        expected = oracles.jensen_shannon(lp[row].double().exp().numpy(), lq[row].double().exp().numpy())
        assert float(divergence[row]) == pytest.approx(expected, abs=2e-5)


def test_jensen_shannon_of_disjoint_distributions_is_log_two() -> None:
    p = torch.tensor([[0.0, -INF]])
    q = torch.tensor([[-INF, 0.0]])
    assert float(rules.jensen_shannon(p, q)) == pytest.approx(math.log(2))
    assert float(rules.jensen_shannon(p, p)) == 0


def test_dola_chooses_the_most_different_layer_of_each_row() -> None:
    final = torch.tensor([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    like_first, like_second = final[[0, 0]], final[[1, 1]]
    assert rules.dola_layer(final, torch.stack([like_first, like_second])).tolist() == [1, 0]


@given(main=views)
@settings(max_examples=40, deadline=None)
def test_plausible_keeps_everything_at_zero_and_the_largest_at_one(main: np.ndarray) -> None:
    m = torch.tensor(main)
    assert bool(rules.plausible(m, 0.0).all())
    kept = rules.plausible(m, 1.0)
    assert torch.equal(kept, m == m.amax(-1, keepdim=True))
    assert torch.equal(rules.plausible(m, torch.ones(ROWS, 1)), kept)
