"""rep-n and diversity: counted by hand, and their laws."""

from __future__ import annotations

import pytest
from counterfoil.eval.measures.repetition import n_gram_counts, repetition
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=20)


def test_one_text_counted_by_hand() -> None:
    # pairs ab ba ab ba ab: 2 of 5; triples aba bab aba bab: 2 of 4; fours abab baba abab: 2 of 3
    found = repetition(["a b a b a b"])
    assert found.rep == pytest.approx({2: 60.0, 3: 50.0, 4: 100 / 3})
    assert found.diversity == pytest.approx(100 * 0.4 * 0.5 * 2 / 3)
    assert found.words == 6
    assert found.diversity_interval is None, "one text says nothing about others"


def test_the_reference_code_counts_one_n_gram_less_and_rounds_first() -> None:
    # pairs ab ba ab ba: 2 of 4; triples aba bab aba: 2 of 3; fours abab baba: 2 of 2
    found = repetition(["a b a b a b"], simctg_compatible=True)
    assert found.rep == {2: 50.0, 3: 33.33, 4: 0.0}
    assert found.diversity == pytest.approx(100 * 0.5 * 0.6667)


def test_counts_are_summed_over_texts_and_repeats_between_texts_are_none() -> None:
    # pairs: 1 of 3 in the first text, 1 of 1 in the second, where "a a" is new again
    found = repetition(["a a a a", "a a"])
    assert found.rep[2] == pytest.approx(100 * (1 - 2 / 4))
    assert found.rep[3] == pytest.approx(100 * (1 - 1 / 2))


def test_texts_that_are_too_short_have_no_figure() -> None:
    found = repetition(["a b c", "a"])
    assert found.rep[3] == 0.0
    assert found.rep[4] is None
    assert found.diversity is None


def test_any_whitespace_separates_words() -> None:
    assert repetition([" a\nb\t a  b\n"]).rep[2] == pytest.approx(100 / 3)


def test_no_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="`texts` has to hold at least one text"):
        repetition([])


def test_the_interval_holds_the_figure_and_repeats_itself() -> None:
    texts = ["a b a b a b", "a b c d e f", "a a a a a a", "a b c a b c"]
    one, again = repetition(texts), repetition(texts)
    assert one == again
    assert one.diversity_interval is not None
    assert one.diversity_interval.low < one.diversity < one.diversity_interval.high


@given(WORDS, st.integers(1, 4))
def test_counts_are_those_of_all_windows(words: list[str], n: int) -> None:
    windows = [" ".join(window) for window in zip(*(words[i:] for i in range(n)), strict=False)]
    assert n_gram_counts(words, n) == (len(set(windows)), len(windows))
    assert n_gram_counts(words, n, simctg_compatible=True) == (len(set(windows[:-1])), max(len(windows) - 1, 0))


@given(st.integers(4, 30))
def test_a_text_of_different_words_is_wholly_diverse_and_its_double_is_less(n: int) -> None:
    text = " ".join(f"word{i}" for i in range(n))
    once, twice = repetition([text]).diversity, repetition([f"{text} {text}"]).diversity
    assert once == 100
    assert twice is not None
    assert twice < once
