"""Numbers have their values, dates their parts, times their halves of the day, and every token its place."""

from __future__ import annotations

import pytest
from counterfoil.attribution.detail_check.lexicon import is_english
from counterfoil.attribution.detail_check.tokens import tokens
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("10 million", ["#1e+07"]),
        ("10,000,000", ["#1e+07"]),
        ("ten million", ["#1e+07"]),
        ("two hundred and five", ["#205"]),
        ("twenty-one", ["#21"]),
        ("3,5", ["#3.5"]),
        ("1 000", ["#1000"]),
        ("1.200.000", ["#1.2e+06"]),
        ("$3m", ["dollar", "#3e+06"]),
        ("half a million", ["#500000"]),
        ("twelfth", ["#12"]),
        ("2020-12-03", ["#3", "december", "#2020"]),
        ("3.12.2020", ["#3", "december", "#2020"]),
        ("Jan.", ["january", "."]),
        ("can't", ["can", "not"]),
        ("cannot", ["can", "not"]),
        ("can n't", ["can", "not"]),
        ("no longer", ["not"]),
        ("the keeper's [3]", ["the", "keeper"]),
        ("U.K.", ["uk"]),
    ],
)
def test_what_is_written_differently_has_one_key(written, keys):
    assert [token.key for token in tokens(written)] == keys


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_tokens_stand_in_order_within_the_text(text):
    place = 0
    for token in tokens(text):
        assert 0 <= token.start < token.end <= len(text)
        assert token.start >= place or token.start == place
        place = token.start


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("The museum is closed on Monday.", True),
        ("Norway 27 Denmark 24", True),
        ("Das Museum ist am Montag geschlossen.", False),
        ("Le musée est fermé le lundi.", False),
        ("El puente fue construido en 1902 por la ciudad.", False),
        ("Most został zbudowany w 1902 roku.", False),
        ("De brug is in 1902 door de stad gebouwd.", False),
    ],
)
def test_english_is_told_from_other_languages(text, english):
    assert is_english(text) is english
