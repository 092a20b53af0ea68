"""The rule of contrastive search against a float64 oracle, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counterfoil.decoding.methods import ContrastiveSearch, unit_norm
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import contrastive_search_reference as oracle

shapes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 6), st.integers(2, 8))
weights = st.floats(0, 1)
seeds = st.integers(0, 10_000)


def case(shape: tuple[int, int, int, int], seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch, k, length, hidden = shape
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.rand(batch, k, generator=generator)
    return (
        probabilities / probabilities.sum(-1, keepdim=True),
        torch.randn(batch, k, hidden, generator=generator) * 3,
        torch.randn(batch, length, hidden, generator=generator) * 5,
    )


def scores(probabilities, hidden, history, penalty_alpha, history_mask=None) -> torch.Tensor:
    method = ContrastiveSearch(penalty_alpha=penalty_alpha)
    return method.scores(probabilities, hidden, history=history, history_mask=history_mask)


def test_a_case_by_hand() -> None:
    # Candidate 0 points where the first past token does (cosine 1), candidate 1 at 45 degrees from both.
    history = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    hidden = torch.tensor([[[2.0, 0.0], [3.0, 3.0]]])
    found = scores(torch.tensor([[0.6, 0.3]]), hidden, history, 0.5)
    expected = torch.tensor([[0.5 * 0.6 - 0.5 * 1.0, 0.5 * 0.3 - 0.5 * 2**-0.5]])
    torch.testing.assert_close(found, expected)


@settings(max_examples=60, deadline=None)
@given(shapes, weights, seeds, st.data())
def test_it_equals_the_oracle_row_by_row(
    shape: tuple[int, int, int, int], penalty_alpha: float, seed: int, data: st.DataObject
) -> None:
    probabilities, hidden, history = case(shape, seed)
    mask = torch.tensor([[data.draw(st.booleans()) for _ in range(shape[2])] for _ in range(shape[0])])
    actual = scores(probabilities, hidden, unit_norm(history), penalty_alpha, history_mask=mask)
    for row in range(shape[0]):
        expected = oracle.scores(
            probabilities[row].numpy(),
            hidden[row].double().numpy(),
            history[row, mask[row]].double().numpy(),
            penalty_alpha,
        )
        np.testing.assert_allclose(actual[row].numpy(), expected, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(shapes, weights, seeds, st.floats(0.01, 100))
def test_the_length_of_a_hidden_state_does_not_matter(
    shape: tuple[int, int, int, int], penalty_alpha: float, seed: int, scale: float
) -> None:
    probabilities, hidden, history = case(shape, seed)
    one = scores(probabilities, hidden, unit_norm(history), penalty_alpha)
    other = scores(probabilities, hidden * scale, unit_norm(history * scale), penalty_alpha)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(shapes, weights, seeds)
def test_padding_changes_nothing(shape: tuple[int, int, int, int], penalty_alpha: float, seed: int) -> None:
    probabilities, hidden, history = case(shape, seed)
    states = unit_norm(history)
    # A pad whose state is the candidate itself would win every maximum; NaN would poison it.
    pads = torch.cat((unit_norm(hidden[:, :1]), torch.full_like(states[:, :1], torch.nan)), dim=1)
    mask = torch.tensor([0, 0] + [1] * shape[2]).expand(shape[0], -1)
    padded = scores(probabilities, hidden, torch.cat((pads, states), 1), penalty_alpha, history_mask=mask)
    torch.testing.assert_close(padded, scores(probabilities, hidden, states, penalty_alpha))


def test_zero_strength_is_the_order_of_probabilities() -> None:
    probabilities, hidden, history = case((3, 5, 4, 8), 1)
    assert torch.equal(scores(probabilities, hidden, unit_norm(history), 0.0), probabilities)


def test_zero_vectors_are_not_like_anything() -> None:
    probabilities, hidden, history = case((1, 3, 2, 4), 2)
    found = scores(probabilities, torch.zeros_like(hidden), unit_norm(torch.zeros_like(history)), 0.5)
    torch.testing.assert_close(found, 0.5 * probabilities)


def test_without_history_there_is_no_penalty() -> None:
    probabilities, hidden, history = case((2, 3, 2, 4), 3)
    empty = scores(probabilities, hidden, history[:, :0], 0.25)
    masked = scores(probabilities, hidden, history, 0.25, history_mask=torch.zeros(2, 2))
    assert torch.equal(empty, 0.75 * probabilities)
    assert torch.equal(masked, empty)


def test_a_forbidden_candidate_never_wins() -> None:
    # The forbidden one is the only one unlike the history.
    history = unit_norm(torch.tensor([[[1.0, 0.0]]]))
    hidden = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]])
    found = scores(torch.tensor([[1.0, 0.0]]), hidden, history, 0.9)
    assert found.argmax().item() == 0
    assert found[0, 1] == -torch.inf


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_cosine_is_taken_in_float32(dtype: torch.dtype) -> None:
    probabilities, hidden, history = case((2, 3, 4, 8), 4)
    hidden = hidden.to(dtype)
    found = scores(probabilities, hidden, unit_norm(history), 0.6)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, scores(probabilities, hidden.float(), unit_norm(history), 0.6))


def test_its_arguments_stay_as_they_were() -> None:
    given_arguments = case((2, 3, 4, 8), 5)
    copies = [argument.clone() for argument in given_arguments]
    scores(*given_arguments, 0.6, history_mask=torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1]]))
    assert all(torch.equal(argument, copy) for argument, copy in zip(given_arguments, copies, strict=True))
