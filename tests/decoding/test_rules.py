"""Each rule against a float64 oracle, hand-computed values, and the contract that all rules share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from counterfoil.decoding import methods as rules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support import oracles

ROWS, VOCABULARY = 3, 11
finite = st.floats(-30, 30, width=32)
views = arrays(np.float32, (ROWS, VOCABULARY), elements=finite)
shares = st.floats(0.01, 1)
strengths = st.floats(0, 5)

RULES = {
    "cad": (rules.cad, oracles.cad, {"strength": strengths}),
    "cid_probability": (rules.cid, oracles.cid, {"strength": st.floats(0, 80)}),
    "cid_log_ratio": (
        rules.cid,
        oracles.cid,
        {"strength": strengths, "rule": st.just("log_ratio"), "plausibility": shares},
    ),
    "obrien": (
        rules.contrastive_decoding,
        oracles.contrastive_decoding,
        {"plausibility": shares, "strength": strengths},
    ),
    "li": (
        rules.contrastive_decoding,
        oracles.contrastive_decoding,
        {"plausibility": shares, "formulation": st.just("li"), "amateur_temperature": st.floats(0.25, 4)},
    ),
    "dola": (rules.dola, oracles.dola, {"plausibility": shares}),
    "code": (rules.code, oracles.code, {"k": st.floats(0.1, 3)}),
    "ritual": (
        rules.ritual,
        oracles.ritual,
        {"strength": strengths, "plausibility": shares, "normalize": st.booleans()},
    ),
    "vcd": (rules.vcd, oracles.vcd, {"strength": strengths, "plausibility": shares}),
    "m3id": (
        rules.m3id,
        oracles.m3id,
        {
            "step": st.integers(0, 300),
            "decay": st.floats(0, 0.1),
            "gate": st.sampled_from([0.53, 1.0]),  # two equal tokens are at a half, on the gate but for rounding
            "plausibility": shares,
            "max_weight": st.floats(0, 5),
        },
    ),
}


def cut_of(name: str, main: np.ndarray, other: np.ndarray, parameters: dict) -> float:
    """The plausibility cut of one row."""
    if name == "code":
        return oracles.bounded_divergence(main, other, parameters["k"])
    return parameters.get("plausibility", 0.1)


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
        cut = cut_of(name, main[row].astype(float), other[row].astype(float), given_parameters)
        lp = oracles.log_softmax(main[row].astype(float))
        on_the_cut = np.abs(lp - lp.max() - math.log(max(cut, 1e-9))) < 1e-5
        np.testing.assert_array_equal(np.isinf(actual)[~on_the_cut], np.isinf(expected)[~on_the_cut])
        both = np.isfinite(actual) & np.isfinite(expected)
        np.testing.assert_allclose(actual[both], expected[both], rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=25, deadline=None)
@given(main=views, other=views, order=st.permutations(range(ROWS)))
def test_rows_do_not_see_each_other(name: str, main: np.ndarray, other: np.ndarray, order: list[int]) -> None:
    rule, _, parameters = RULES[name]
    fixed = {
        key: {"plausibility": 0.1, "strength": 2.0, "amateur_temperature": 0.5, "k": 0.3, "normalize": True}.get(key)
        for key in parameters
    }
    if name == "m3id":
        fixed = {"step": 40, "gate": 0.9, "plausibility": 0.1}
    fixed |= {"rule": "log_ratio"} if "rule" in parameters else {}
    fixed |= {"formulation": "li"} if "formulation" in parameters else {}
    m, o = torch.tensor(main), torch.tensor(other)
    assert torch.equal(rule(m, o, **fixed)[order], rule(m[order], o[order], **fixed))


Z_C, Z_R = torch.tensor([[2.0, 1.0, 0.0, -1.0]]), torch.tensor([[1.0, 1.5, 0.2, -1.0]])
INF = math.inf


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (rules.cad(Z_C, Z_R, strength=1.0), [3.0, 0.5, -0.2, -1.0]),
        (rules.contrastive_decoding(Z_C, Z_R, plausibility=0.1, strength=0.5), [2.5, 0.75, -0.1, -INF]),
        (rules.contrastive_decoding(Z_C, Z_R, formulation="li"), [0.7333, -0.7667, -0.4667, -INF]),
        (
            rules.contrastive_decoding(Z_C, Z_R, formulation="li", amateur_temperature=0.5),
            [0.9306, -1.0694, 0.5306, -INF],
        ),
        (rules.cid(Z_C, Z_R, strength=1.0).softmax(-1), [0.7532, 0.1509, 0.0693, 0.0266]),
        (rules.cid(Z_C, Z_R, strength=10.0).softmax(-1), [0.9948, 0.0008, 0.0028, 0.0016]),
        (rules.code(Z_C, Z_R), [2.2803, -INF, -INF, -INF]),
        (rules.code(Z_C, Z_R, k=0.7), [2.5337, -INF, -INF, -INF]),
        (rules.code(Z_C, Z_R, k=1.0), [2.6627, 0.6686, -INF, -INF]),
        (rules.code(Z_C, Z_R, k=2.0), [2.8878, 0.5561, -0.1776, -INF]),
        (rules.ritual(Z_C, Z_R), [5.0, 5.5, 0.6, -INF]),
        (rules.ritual(Z_C, Z_R, normalize=True).softmax(-1), [0.4055, 0.4595, 0.1350, 0.0]),
        (rules.vcd(Z_C, Z_R), [3.0, 0.5, -0.2, -INF]),
        (rules.m3id(Z_C, Z_R, step=10, gate=1.0), [2.2214, 0.8893, -0.0443, -1.0]),
        (rules.m3id(Z_C, Z_R, step=50, gate=1.0), [3.7183, 0.1409, -0.3437, -1.0]),
        (rules.m3id(Z_C, Z_R, step=50, gate=0.3), [2.0, 1.0, 0.0, -1.0]),
        (rules.m3id(Z_C, Z_R, step=500, gate=1.0, max_weight=1.0), [3.0, 0.5, -0.2, -1.0]),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


@settings(max_examples=60, deadline=None)
@given(main=views, other=views)
def test_zero_strength_is_the_main_view(main: np.ndarray, other: np.ndarray) -> None:
    m, o = torch.tensor(main), torch.tensor(other)
    assert torch.equal(rules.cad(m, o, strength=0.0), m)
    torch.testing.assert_close(rules.cid(m, o, strength=0.0), m.log_softmax(-1))
    assert torch.equal(rules.contrastive_decoding(m, o, plausibility=0.0, strength=0.0), m)
    assert torch.equal(rules.ritual(m, o, strength=0.0, plausibility=0.0), m)
    assert torch.equal(rules.vcd(m, o, strength=0.0, plausibility=0.0), m)
    assert torch.equal(rules.m3id(m, o, step=100, decay=0.0), m)
    assert torch.equal(rules.m3id(m, o, step=0), m)
    torch.testing.assert_close(rules.code(m, m), m)


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


# Doubles: as logits in single precision the two 0.1 would be 1e-9 apart, which the power 0.3 makes 0.0003 of D.
P, Q = (torch.tensor([p], dtype=torch.float64).log() for p in ([0.6, 0.3, 0.1], [0.5, 0.4, 0.1]))


@pytest.mark.parametrize(("k", "expected"), [(0.3, 0.5275), (0.7, 0.2362), (1.0, 0.1238), (2.0, 0.0129)])
def test_the_bounded_divergence_and_both_of_codes_coefficients_by_hand(k: float, expected: float) -> None:
    # k = 1: 1/2 * (1.1 + 0.7) * log2(1.1) = 0.9 * 0.13750 = 0.12375.
    divergence = rules.bounded_divergence(P, Q, k=k)
    assert float(divergence) == pytest.approx(expected, abs=5e-5)
    scores = rules.code(P, Q, k=k)
    cut, strength = expected, 1 - expected
    kept = torch.tensor([[0.6, 0.3, 0.1]]) >= cut * 0.6
    assert (scores > -INF).tolist() == kept.tolist()
    torch.testing.assert_close(scores[kept], ((1 + strength) * P - strength * Q)[kept].float(), atol=1e-4, rtol=0)


@settings(max_examples=60, deadline=None)
@given(p=views, q=views, k=st.floats(0.1, 3))
def test_the_bounded_divergence_is_symmetric_and_between_nought_and_one(p: np.ndarray, q: np.ndarray, k: float) -> None:
    divergence = rules.bounded_divergence(torch.tensor(p), torch.tensor(q), k=k)
    assert torch.equal(divergence, rules.bounded_divergence(torch.tensor(q), torch.tensor(p), k=k))
    assert bool(((divergence >= 0) & (divergence <= 1)).all())
    for row in range(ROWS):
        expected = oracles.bounded_divergence(p[row].astype(float), q[row].astype(float), k)
        assert float(divergence[row]) == pytest.approx(expected, abs=1e-6)


def test_views_with_nothing_in_common_leave_codes_image_its_first_choice() -> None:
    p, q = torch.tensor([[40.0, 0.0, 0.0]]), torch.tensor([[0.0, 40.0, 0.0]])
    assert float(rules.bounded_divergence(p, q, k=0.3)) == pytest.approx(1)
    assert (rules.code(p, q) > -INF).tolist() == [[True, False, False]]


def test_what_is_forbidden_is_no_disagreement() -> None:
    main = torch.tensor([[1.0, 2.0, -INF, -INF]])
    alike = torch.tensor([[1.0, 2.0, 9.0, 9.0]])
    torch.testing.assert_close(rules.cid(main, alike, strength=50.0), main.log_softmax(-1))
    scores = rules.contrastive_decoding(main, alike, formulation="li", plausibility=0.0)
    torch.testing.assert_close(scores, torch.tensor([[0.0, 0.0, -INF, -INF]]))
    unlike = torch.tensor([[2.0, 1.0, -9.0, -9.0]])
    assert rules.dola_layer(main, torch.stack([alike, unlike])).tolist() == [1]
    assert float(rules.bounded_divergence(main, torch.tensor([[1.0, 2.0, 9.0, 9.0]]), k=0.3)) == 0
    assert float(rules.bounded_divergence(main, torch.tensor([[2.0, 1.0, 9.0, 9.0]]), k=0.3)) > 0.1


@settings(max_examples=40, deadline=None)
@given(main=views)
def test_ritual_with_the_image_itself_is_a_quarter_of_the_temperature_on_the_plausible_tokens(main: np.ndarray) -> None:
    z = torch.tensor(main)
    kept = z.masked_fill(~rules.plausible(z, 0.1), -INF)
    torch.testing.assert_close(rules.ritual(z, z).softmax(-1), (kept / 0.25).softmax(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(rules.ritual(z, z, normalize=True).softmax(-1), kept.softmax(-1), atol=1e-4, rtol=0)


@settings(max_examples=60, deadline=None)
@given(main=views, noised=views, transformed=views)
def test_ritual_behind_vcd_is_their_combination(main: np.ndarray, noised: np.ndarray, transformed: np.ndarray) -> None:
    z, negative, positive = torch.tensor(main), torch.tensor(noised), torch.tensor(transformed)
    chained = rules.ritual(
        rules.vcd(z, negative, strength=1.0, plausibility=0.1).log_softmax(-1), positive, plausibility=0.0
    )
    expected = (2 * z - negative + 3 * positive).masked_fill(~rules.plausible(z, 0.1), -INF)
    torch.testing.assert_close(chained.log_softmax(-1), expected.log_softmax(-1), atol=1e-3, rtol=1e-4)


def test_m3id_takes_a_step_for_each_row() -> None:
    main, other, steps = Z_C.repeat(3, 1), Z_R.repeat(3, 1), torch.tensor([[0], [10], [50]])
    together = rules.m3id(main, other, step=steps, gate=1.0)
    for row, step in enumerate(steps.flatten().tolist()):
        assert torch.equal(together[row], rules.m3id(Z_C, Z_R, step=step, gate=1.0)[0])
    weights = rules.m3id_weight(main, step=steps, gate=1.0).flatten()
    torch.testing.assert_close(weights, torch.tensor([0.0, 0.2214, 1.7183]), atol=1e-4, rtol=0)
    assert rules.m3id_weight(main, step=10_000, gate=1.0, max_weight=None).isfinite().all()
