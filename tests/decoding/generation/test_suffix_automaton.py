"""The suffix automaton against all substrings, one by one."""

from __future__ import annotations

from counterfoil.decoding.generation.suffix_automaton import SuffixAutomaton
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.integers(1, 4).flatmap(lambda size: st.lists(st.integers(0, size), max_size=60))


def longest_repetition(text: list[int]) -> tuple[int, int]:
    """Length of the longest suffix that also ends earlier, and where it first ends."""
    for length in range(len(text) - 1, 0, -1):
        for end in range(length, len(text)):
            if text[end - length : end] == text[-length:]:
                return length, end
    return 0, 0


@given(text=TEXTS, count=st.integers(0, 12))
def test_the_longest_repeated_suffix_is_found_at_its_first_place(text: list[int], count: int) -> None:
    automaton = SuffixAutomaton()
    for n, token in enumerate(text, start=1):
        automaton.append(token)
        length, end = longest_repetition(text[:n])
        assert automaton.match_length == length
        assert automaton.following(count) == (text[end:n] * count)[:count] * (length > 0)
    assert automaton.tokens == text


@given(text=TEXTS, more=TEXTS)
def test_it_grows_as_if_made_at_once(text: list[int], more: list[int]) -> None:
    grown, made = SuffixAutomaton(text), SuffixAutomaton(text + more)
    for token in more:
        grown.append(token)
    assert (grown.match_length, grown.following(9)) == (made.match_length, made.following(9))


def test_what_repeats_itself_goes_on() -> None:
    assert SuffixAutomaton([7, 7]).following(4) == [7, 7, 7, 7]
    assert SuffixAutomaton([5, 1, 2, 3, 1, 2, 3]).following(7) == [1, 2, 3, 1, 2, 3, 1]


def test_an_empty_text_repeats_nothing() -> None:
    assert SuffixAutomaton().match_length == 0
    assert SuffixAutomaton().following(5) == []


def test_it_has_at_most_two_states_a_token() -> None:
    """Blumer et al. 1985: time and memory are linear in the text, whatever it repeats."""
    for text in ([0] * 3000, [0, 1] * 1500, [n * n % 7 for n in range(3000)]):
        assert len(SuffixAutomaton(text)._link) <= 2 * len(text)
