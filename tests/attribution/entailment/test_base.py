from __future__ import annotations

import math

import pytest
from counterfoil.attribution import Judgement, Pair
from counterfoil.attribution.entailment.base import WindowedEntailment, best, judgements_of, windows
from hypothesis import given
from hypothesis import strategies as st


class Rain(WindowedEntailment):
    """Support is the share of words that are `rain`; remembers what it was shown."""

    def __init__(self, window: int | None = 8, batch_size: int = 3):
        super().__init__(name="rain", threshold=0.5, window=window, batch_size=batch_size)
        self.batches = []

    def count(self, text):
        return len(text.split())

    def score(self, pairs):
        self.batches.append(list(pairs))
        shares = [pair.premise.split().count("rain") / max(self.count(pair.premise), 1) for pair in pairs]
        return [Judgement(share, contradicted=1 - share) for share in shares]


def test_the_best_window_gives_the_verdict_and_is_remembered():
    model = Rain()
    premise = "No no no no no. Some rain rain rain here. No no."
    (judgement,) = model.judge([Pair(premise, "Rain fell")])
    start, end = judgement.chunk
    assert premise[start:end] == "Some rain rain rain here."
    assert (judgement.supported, judgement.contradicted) == (3 / 5, 1.0)


@given(
    st.lists(st.lists(st.sampled_from(["rain", "sun.", "Fog"]), max_size=20).map(" ".join), max_size=6),
    st.integers(1, 5),
)
def test_every_window_fits_and_no_hypothesis_is_cut(premises, batch_size):
    model = Rain(batch_size=batch_size)
    pairs = [Pair(premise, "It did rain") for premise in premises]
    judged = model.judge(pairs)
    assert judged == [Rain().judge([pair])[0] for pair in pairs]
    for batch in model.batches:
        assert len(batch) <= batch_size
        assert all(model.count(p) + model.count(h) <= 8 and h == "It did rain" for p, h in batch)


def test_a_statement_that_fills_the_window_is_not_checked():
    (judgement,) = Rain(window=3).judge([Pair("rain", "one two three")])
    assert (judgement.supported, "leaves no room" in judgement.failure) == (None, True)


def test_nothing_is_supported_by_nothing():
    model = Rain()
    assert model.judge([Pair(" ", "It rained")]) == [Judgement(0.0)]
    assert model.batches == []


def test_without_a_window_nothing_is_cut():
    (judgement,) = Rain(window=None).judge([Pair("rain sun. " * 50, "It rained")])
    assert (judgement.supported, judgement.chunk) == (0.5, None)


@pytest.mark.parametrize("options", [{"window": 0}, {"batch_size": 0}])
def test_ranges(options):
    with pytest.raises(ValueError, match="has to be at least 1"):
        Rain(**options)


def words(text):
    return len(text.split())


@given(st.lists(st.text("ab .!", max_size=30), max_size=10).map(". ".join), st.integers(1, 9))
def test_windows_fit_and_hold_every_word(text, budget):
    ranges = windows(text, budget, words)
    assert all(words(text[start:end]) <= budget for start, end in ranges)
    kept = "".join("".join(text[start:end].split()) for start, end in ranges)
    assert kept == "".join(text.split())


def test_windows_end_where_sentences_end():
    text = "One two three. Four five. Six seven eight nine."
    assert [text[a:b] for a, b in windows(text, 5, words)] == [
        "One two three. Four five.",
        "Six seven eight nine.",
    ]


def test_a_text_that_fits_is_left_whole():
    assert windows("  One.  ", 3, words) == [(0, 8)]
    assert windows("", 3, words) == [(0, 0)]


def test_a_word_longer_than_the_window_is_cut_between_characters():
    assert windows("abcdefgh", 2, len) == [(0, 2), (2, 4), (4, 6), (6, 8)]


def test_no_room_is_an_error():
    with pytest.raises(ValueError, match="leaves no room"):
        windows("a", 0, words)


def test_support_and_contradiction_are_the_largest_over_the_windows():
    parts = [Judgement(0.2, 0.7), Judgement(0.9, 0.1), Judgement(0.4, 0.2)]
    joined = best([(0, 3), (3, 6), (6, 9)], parts, "x" * 9)
    assert (joined.supported, joined.contradicted, joined.chunk) == (0.9, 0.7, (3, 6))


def test_one_whole_window_has_no_chunk():
    assert best([(0, 4)], [Judgement(0.3)], "abcd").chunk is None


def test_an_unread_window_leaves_the_premise_unjudged_unless_another_supports():
    failed = Judgement(None, failure="timed out")
    assert best([(0, 1), (1, 2)], [Judgement(0.2), failed], "ab") == failed
    assert best([(0, 1), (1, 2)], [Judgement(0.8), failed], "ab").supported == 0.8


@pytest.mark.parametrize("field", ["supported", "contradicted", "partial"])
def test_nan_of_any_model_is_a_failure(field):
    judgement = Judgement(**{"supported": 0.9, "decided": True, field: math.nan})
    assert (judgement.supported, judgement.contradicted, judgement.decided) == (None, None, None)
    assert "not a number" in judgement.failure


def test_a_failure_without_a_reason_is_a_failure():
    assert Judgement(None, failure=" ").failure == "the model gave no reason"


@pytest.mark.parametrize(
    ("returned", "error", "problem"),
    [
        ([], ValueError, "m has to return 1 judgements, but returned 0"),
        ([Judgement(1.0)] * 2, ValueError, "but returned 2"),
        (None, TypeError, "but returned a NoneType"),
        ([0.5], TypeError, "but returned a float"),
        ([None], TypeError, "but returned a NoneType"),
    ],
)
def test_a_model_that_returns_something_else_is_called_by_its_name(returned, error, problem):
    class Model:
        name, threshold = "m", 0.5

        def judge(self, pairs):
            return returned

    with pytest.raises(error, match=problem):
        judgements_of(Model(), [Pair("a", "b")])
    Model.judge = lambda self, pairs: (Judgement(0.5) for _ in pairs)
    assert judgements_of(Model(), [Pair("a", "b")]) == [Judgement(0.5)]
