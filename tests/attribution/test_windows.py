from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement
from counterfoil.attribution.entailment.windows import best, windows
from hypothesis import given
from hypothesis import strategies as st


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
