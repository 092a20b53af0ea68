"""Ranges that cut no word and no letter, in texts of every kind."""

from __future__ import annotations

import pytest
from counterfoil.attribution.text.word_boundaries import snapped
from hypothesis import given
from hypothesis import strategies as st

ENGLAND = "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\U000e007f"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
E_ACUTE = "e\u0301"


@pytest.mark.parametrize(
    ("text", "asked", "taken"),
    [
        ("one two three", (4, 7), "two"),
        ("one two three", (5, 6), "two"),
        ("one two three", (2, 9), "one two three"),
        ("one two three", (3, 8), "two"),
        ("one two three", (0, 1), "one"),
        ("one two three", (12, 13), "three"),
        ("one two three", (5, 5), "two"),
        ("one two three", (0, 0), "one"),
        ("one two three", (13, 13), "three"),
        ("1,900 people", (2, 4), "1,900"),
        ("it's 3.5 m", (1, 2), "it's"),
        ("it's 3.5 m", (7, 8), "3.5"),
        ("end. Next", (0, 2), "end"),
        ("end. Next", (0, 4), "end."),
        (f"caf{E_ACUTE} bar", (0, 4), f"caf{E_ACUTE}"),
        (f"caf{E_ACUTE} bar", (4, 5), f"caf{E_ACUTE}"),
        (f"a {FAMILY} b", (3, 4), FAMILY),
        (f"a {FAMILY} b", (2, 3), FAMILY),
        ("go 👍🏽 now", (3, 4), "👍🏽"),
        ("to 🇫🇷🇩🇪!", (3, 4), "🇫🇷"),
        ("to 🇫🇷🇩🇪!", (6, 7), "🇩🇪"),
        ("שלום עולם", (6, 7), "עולם"),
        ("كِتَاب جديد", (1, 2), "كِتَاب"),
        ("one\r\ntwo", (4, 8), "two"),
        ("one\r\ntwo", (0, 4), "one"),
        ("東京は大きい", (0, 2), "東京"),
        ("می\u200cروم now", (0, 2), "می\u200cروم"),
        ("co\u00adoperation is", (1, 4), "co\u00adoperation"),
        (f"go {ENGLAND} now", (4, 5), ENGLAND),
        ("ที่ทำ", (0, 1), "ที่"),
        ("ทำ", (0, 1), "ทำ"),
        ("at 10:30 h", (3, 5), "10:30"),
        ("snake_case is", (0, 2), "snake_case"),
        ("10⁶ units", (0, 2), "10⁶"),
        ("H₂O is", (0, 1), "H₂O"),
        ("x² + y", (0, 1), "x²"),
        ("at -5 °C", (4, 5), "-5"),
        ("1/2 cup", (0, 1), "1/2"),
        ("on 2020-01-05.", (8, 10), "2020-01-05"),
        ("well-known", (0, 4), "well"),
    ],
)
def test_a_range_takes_whole_words(text, asked, taken):
    start, end, account = snapped(text, *asked)
    assert text[start:end] == taken
    assert bool(account) == ((start, end) != asked)


@pytest.mark.parametrize("text", ["", "   ", "\r\n"])
def test_where_there_is_no_word_there_is_nothing_to_take(text):
    start, end, _ = snapped(text, 0, len(text))
    assert start == end


@pytest.mark.parametrize("asked", [(-1, 2), (3, 2), (0, 8)])
def test_a_range_outside_the_text_is_refused(asked):
    with pytest.raises(ValueError, match="`span` has to lie within the 7 characters"):
        snapped("one two", *asked)


@given(st.text(alphabet="ab1 ,.'\r\n\u0301\u200d👍🏽🇫🇷שé東", max_size=20), st.data())
def test_snapping_keeps_the_words_and_is_done_once(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    left, right, _ = snapped(text, start, end)
    assert 0 <= left <= right <= len(text)
    assert text[start:end].strip() in text[left:right]
    assert snapped(text, left, right)[:2] == (left, right) or left == right
