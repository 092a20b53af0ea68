"""Pictographs that say something stay, and are words to a judge that knows none; those that adorn are gone."""

from __future__ import annotations

import pytest
from counterfoil.attribution.detail_check.tokens import tokens
from counterfoil.attribution.entailment.local.encoding import tokens as model_tokens
from counterfoil.attribution.entailment.registry import default_entailment
from counterfoil.attribution.text.pictographs import marks, shown, spelled
from counterfoil.attribution.text.plain_text import plain_text
from hypothesis import given
from hypothesis import strategies as st

PICTOGRAPHS = st.text(alphabet="ab: |.\n✅✔️❌✗👍🔴↑▼★☆⭐🇩🇪🇫🇷🌧️🎉1️⃣", max_size=30)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Dogs are allowed: ❌", "Dogs are allowed: ❌"),
        ("| Wifi | ✅ |", "| Wifi | ✅ |"),
        ("Anna Smith 🇩🇪 won 🎉.", "Anna Smith 🇩🇪 won ."),
        ("The 🗼 lighthouse", "The  lighthouse"),
        ("I ate a 🍎.", "I ate a 🍎."),
        ("Weather: 🌧️", "Weather: 🌧️"),
        ("Hotel Astoria ★★★☆☆", "Hotel Astoria ★★★☆☆"),
        ("It rained ⭐", "It rained "),
        ("The tower 😀 is high.", "The tower  is high."),
        ("The cat is 😀.", "The cat is 😀."),
        ("Platform 2️⃣", "Platform 2"),
        ("1️⃣ It rained", " It rained"),
        ("🚀 It rained 💡", " It rained "),
        ("👍🏽👩‍🚀 Good", " Good"),
        ("© 2020 Acme™", "© 2020 Acme™"),
    ],
)
def test_what_says_something_is_shown(text, kept):
    assert shown(text) == kept


def test_digits_in_boxes_are_digits_and_marks_stay_in_a_row():
    assert plain_text("**Platform:** 2️⃣") == "Platform: 2"
    assert plain_text("Wifi | ✅") == "Wifi, ✅"
    assert plain_text("- [x] It was built 🎉") == "It was built"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Dogs are allowed: ❌", "Dogs are allowed: not"),
        ("Dogs are allowed: ✅", "Dogs are allowed:"),
        ("❌ No parking", "No parking"),
        ("Sales 📉 in 2020", "Sales fell in 2020"),
        ("Astoria ★★★☆☆", "Astoria 3 stars"),
        ("It rained 🎉", "It rained"),
        ("3 ✖ 4 is 12", "3 4 is 12"),
    ],
)
def test_marks_are_words_to_a_judge_that_knows_no_pictographs(text, read):
    assert " ".join(spelled(text)[0].split()) == read


@given(PICTOGRAPHS)
def test_every_character_that_is_read_has_its_place(text):
    read, origin = spelled(text)
    assert not origin or len(origin) == len(read)
    for character, (start, end) in zip(read, origin, strict=bool(origin)):
        assert text[start:end] == character or (start, end) != (start, start)
    assert [start for start, _ in origin] == sorted(start for start, _ in origin)


@given(PICTOGRAPHS)
def test_marks_stand_in_order_within_the_text(text):
    found = marks(text)
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    place = 0
    for token in tokens(text):
        assert place <= token.start < token.end <= len(text)
        place = token.start


def test_the_judge_reads_marks_with_their_places():
    text = "Dogs are allowed: ❌ Cats"
    ids, offsets = model_tokens(default_entailment().tokenizer, text)
    assert len(ids) == len(offsets)
    assert [text[start:end] for start, end in offsets] == ["Dogs", "are", "allowed", ":", "❌", "Cats"]
