"""How many tokens are drafted: what pays by the counts, and hardly any if nothing is ever right."""

from __future__ import annotations

import math
from itertools import pairwise

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
        rates.append((1 + sum(right)) / lengths.cost(length))
    found = lengths.best(matches, most)
    assert rates[found] == pytest.approx(max(rates)) if max(rates) > GAIN else found == 0


def test_steps_cost_about_what_the_slower_of_two_processors_took() -> None:
    measured = {1: 1.43, 2: 1.48, 3: 1.74, 5: 2.04, 10: 1.85}
    lengths = DraftLength(2, "cpu")
    assert [lengths.cost(length) for length in measured] == pytest.approx(list(measured.values()), rel=0.16)
    assert lengths.cost(0) == 1


def test_the_kernel_for_more_rows_is_paid_for_once() -> None:
    """Two rows are in it with the first token, one row with the third, and eight are in it without drafts."""

    def leaps(rows: int) -> list[bool]:
        costs = [DraftLength(rows, "cpu").cost(length) for length in range(6)]
        return [after - before > 0.15 + 0.01 * rows for before, after in pairwise(costs)]

    assert leaps(2) == [True, False, False, False, False]
    assert leaps(1) == [True, True, True, False, False]
    assert not any(leaps(8))


def test_two_rows_cost_little_more_where_weights_are_what_takes_time() -> None:
    assert DraftLength(2, "cuda").cost(1) == pytest.approx(1.01)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("match", [1, 3, 30])
def test_drafts_that_always_miss_are_given_up(device: str, match: int) -> None:
    lengths, drafted = DraftLength(2, device), []
    for _ in range(200):
        drafted.append(lengths.best([match], 10))
        if drafted[-1]:
            lengths.learn(match, hit=False)
    assert drafted[0] > 0 or match == 1
    assert sum(lengths.cost(length) - 1 for length in drafted[40:]) <= 0.05 * len(drafted[40:])


def test_the_more_was_drafted_in_vain_the_more_a_draft_must_promise() -> None:
    """What missed says little of longer matches, but that the text does not copy is seen."""
    careful, fresh = DraftLength(2, "cpu"), DraftLength(2, "cpu")
    for _ in range(2):
        assert careful.best([3], 10)
        careful.learn(3, hit=False)
    assert fresh.best([2], 10)
    assert not careful.best([2], 10)
    assert careful.best([9], 10)
    for i in range(5):
        careful.learn(9 + i, hit=True)  # each has saved a forward
    assert careful.best([2], 10)


def test_one_miss_does_not_silence_an_amateur() -> None:
    lengths = DraftLength(1, "cpu", drafter_cost=0.4, prior=(0.7,))
    assert lengths.best([0], 4)
    lengths.learn(0, hit=False)
    assert lengths.best([0], 4)
    for _ in range(20):
        lengths.learn(0, hit=False)
    assert not lengths.best([0], 4)


def test_what_missed_is_tried_again_later() -> None:
    lengths = DraftLength(2, "cpu")
    while lengths.best([9], 10):
        lengths.learn(9, hit=False)
    assert any(lengths.best([9], 10) for _ in range(400))


def test_drafts_that_are_right_become_longer() -> None:
    lengths = DraftLength(8, "cpu")
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
