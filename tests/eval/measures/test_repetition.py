"""rep-n and diversity: counted by hand, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from counterfoil.eval.measures.repetition import counts_by_order, diversity, n_gram_counts, rep
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=20)


def counts(*texts: str, simctg: bool = False) -> list:
    return [counts_by_order(text.split(), simctg_compatible=simctg) for text in texts]


def repeated(n: int, *texts: str, simctg: bool = False) -> float:
    return float(rep(counts(*texts, simctg=simctg), n, rounded=simctg)(np.ones((1, len(texts))))[0])


def diverse(*texts: str, simctg: bool = False) -> float:
    return float(diversity(counts(*texts, simctg=simctg), rounded=simctg)(np.ones((1, len(texts))))[0])


def test_one_text_counted_by_hand() -> None:
    # pairs ab ba ab ba ab: 2 of 5; triples aba bab aba bab: 2 of 4; fours abab baba abab: 2 of 3
    assert [repeated(n, "a b a b a b") for n in (2, 3, 4)] == pytest.approx([60.0, 50.0, 100 / 3])
    assert diverse("a b a b a b") == pytest.approx(100 * 0.4 * 0.5 * 2 / 3)


def test_the_reference_code_counts_one_n_gram_less_and_rounds_first() -> None:
    # pairs ab ba ab ba: 2 of 4; triples aba bab aba: 2 of 3; fours abab baba: 2 of 2
    assert [repeated(n, "a b a b a b", simctg=True) for n in (2, 3, 4)] == [50.0, 33.33, 0.0]
    assert diverse("a b a b a b", simctg=True) == pytest.approx(100 * 0.5 * 0.6667)


def test_counts_are_summed_over_texts_and_repeats_between_texts_are_none() -> None:
    # pairs: 1 of 3 in the first text, 1 of 1 in the second, where "a a" is new again
    assert repeated(2, "a a a a", "a a") == pytest.approx(100 * (1 - 2 / 4))
    assert repeated(3, "a a a a", "a a") == pytest.approx(100 * (1 - 1 / 2))


def test_a_text_that_weighs_two_counts_twice() -> None:
    texts = counts("a b a b a b", "a b c d e f")
    twice = rep([texts[0], texts[0], texts[1]], 2)(np.ones((1, 3)))
    assert rep(texts, 2)(np.array([[2.0, 1.0]])) == pytest.approx(twice)


def test_texts_that_are_too_short_have_no_figure() -> None:
    assert repeated(3, "a b c", "a") == 0.0
    assert math.isnan(repeated(4, "a b c", "a"))
    assert math.isnan(diverse("a b c", "a"))


def test_any_whitespace_separates_words() -> None:
    assert repeated(2, " a\nb\t a  b\n") == pytest.approx(100 / 3)


@given(WORDS, st.integers(1, 4))
def test_counts_are_those_of_all_windows(words: list[str], n: int) -> None:
    windows = [" ".join(window) for window in zip(*(words[i:] for i in range(n)), strict=False)]
    assert n_gram_counts(words, n) == (len(set(windows)), len(windows))
    assert n_gram_counts(words, n, simctg_compatible=True) == (len(set(windows[:-1])), max(len(windows) - 1, 0))


@given(st.integers(4, 30))
def test_a_text_of_different_words_is_wholly_diverse_and_its_double_is_less(n: int) -> None:
    text = " ".join(f"word{i}" for i in range(n))
    assert diverse(text) == pytest.approx(100)
    assert diverse(f"{text} {text}") < diverse(text)
