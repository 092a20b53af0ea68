"""How many tokens are drafted: what pays by the counts, and hardly any if nothing is ever right."""

from __future__ import annotations

import math

import pytest
from counterfoil.decoding.generation.draft_length import GAIN, PRIOR, DraftLength
from hypothesis import given
from hypothesis import strategies as st

DEVICES = ("cpu", "cuda")
MATCHES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


def chance(match: int) -> float:
    """The prior of a match, in other words than in the code."""
    return PRIOR[min(match, 2) if match < 3 else 2 + min(4, math.ceil(math.log2(match)) - 1)]


@given(matches=MATCHES, most=st.integers(0, 12), rows=st.integers(1, 16), device=st.sampled_from(DEVICES))
def test_the_first_draft_has_the_best_rate_by_the_prior(matches: list[int], most: int, rows: int, device: str) -> None:
    lengths = DraftLength(rows, device)
    rates = [1.0]
    for length in range(1, most + 1):
        right = [math.prod(chance(match + i) for match in matches for i in range(n)) for n in range(1, length + 1)]
        rates.append((1 + sum(right)) / (1 + lengths.token_cost * length))
    found = lengths.best(matches, most)
    assert rates[found] == pytest.approx(max(rates)) if max(rates) > GAIN else found == 0


def test_two_rows_cost_what_was_measured() -> None:
    assert DraftLength(2, "cpu").token_cost == pytest.approx(0.3)
    assert DraftLength(2, "cuda").token_cost == pytest.approx(0.01)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("match", [1, 3, 30])
def test_drafts_that_always_miss_are_given_up(device: str, match: int) -> None:
    lengths, drafted = DraftLength(2, device), []
    for _ in range(200):
        drafted.append(lengths.best([match], 10))
        if drafted[-1]:
            lengths.learn(match, hit=False)
    assert drafted[0] > 0 or match == 1
    # A drafted token costs `token_cost` of a forward.
    assert sum(drafted[40:]) * lengths.token_cost <= 0.05 * len(drafted[40:])


def test_what_missed_is_tried_again_later() -> None:
    lengths = DraftLength(2, "cpu")
    while lengths.best([9], 10):
        lengths.learn(9, hit=False)
    assert any(lengths.best([9], 10) for _ in range(400))


def test_drafts_that_are_right_become_longer() -> None:
    lengths = DraftLength(2, "cpu")
    before = lengths.best([3], 10)
    for _ in range(60):
        for i in range(10):
            lengths.learn(3 + i, hit=True)
    assert lengths.best([3], 10) == 10 > before


def test_lengths_depend_on_tokens_alone() -> None:
    def run() -> list[int]:
        lengths, found = DraftLength(4, "cpu"), []
        for n in range(300):
            found.append(lengths.best([n % 20 + 1, n % 7 + 1], 10))
            lengths.learn(n % 20 + 1, hit=n % 3 > 0)
        return found

    assert run() == run()
