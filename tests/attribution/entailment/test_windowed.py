from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement, Pair
from counterfoil.attribution.entailment.windowed import WindowedEntailment
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
