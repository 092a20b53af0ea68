"""Ranges that begin and end between words: no half words, no half letters, no white space at the ends."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
# Scripts that are written without spaces: a run of letters is no word there, so any letter may begin or end a range.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_INSIDE_WORDS = "'’"
_INSIDE_NUMBERS = ".,:"


def snapped(text: str, start: int, end: int) -> tuple[int, int, str]:
    """The range nearest to `[start, end)` that cuts no word, and what was changed, in words.

    A word that is only touched is taken in whole; white space at either end is left out. An empty range stands for the
    word it is in or beside.

    Args:
        text: Any text.
        start: First code point.
        end: One past the last.

    Returns:
        Start, end and the account, which is empty where nothing was changed. Start and end are equal where there is no
        word to take.

    Raises:
        ValueError: For a range that does not lie within the text.
    """
    if not 0 <= start <= end <= len(text):
        raise ValueError(f"`span` has to lie within the {len(text)} characters of the answer, but is ({start}, {end})")
    left, right = start, end
    while left < right and text[left].isspace():
        left += 1
    while right > left and text[right - 1].isspace():
        right -= 1
    if start == end:
        if right < len(text) and not text[right].isspace():
            right += 1
        elif left > 0 and not text[left - 1].isspace():
            left -= 1
    if left < right:
        while left > 0 and _joined(text, left):
            left -= 1
        while right < len(text) and _joined(text, right):
            right += 1
    return left, right, _account(text, (start, end), (left, right))


def _joined(text: str, place: int) -> bool:
    """Whether the characters before and behind `place` belong to one word, or to one letter."""
    before, behind = text[place - 1], text[place]
    if before == "\r" and behind == "\n":
        return True
    if _extends(behind) or before == _JOINER or _flag(text, place):
        return True
    word_before, word_behind = _base(text, place - 1), _in_word(behind)
    if word_before and word_behind:
        return not (_unspaced(before) or _unspaced(behind))
    # An apostrophe between letters, a point or comma between digits.
    if word_behind and before in _INSIDE_WORDS + _INSIDE_NUMBERS and place > 1:
        return _inside(text, place - 1)
    return word_before and behind in _INSIDE_WORDS + _INSIDE_NUMBERS and _inside(text, place)


def _inside(text: str, place: int) -> bool:
    """Whether the mark at `place` stands inside a word (an apostrophe) or a number (a point, a comma, a colon)."""
    if not 0 < place < len(text) - 1:
        return False
    before, mark, behind = text[place - 1], text[place], text[place + 1]
    if mark in _INSIDE_WORDS:
        return before.isalpha() and behind.isalpha()
    return before.isdigit() and behind.isdigit()


def _base(text: str, place: int) -> bool:
    """Whether the letter that ends at `place`, marks and all, is one of a word."""
    while place > 0 and _extends(text[place]):
        place -= 1
    return _in_word(text[place])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _extends(character: str) -> bool:
    """Whether a character only changes the one before it: combining marks, variation selectors, skin tones, joiners."""
    return (
        unicodedata.category(character).startswith("M")
        or character == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def _flag(text: str, place: int) -> bool:
    """Whether `place` parts the two letters of a flag."""
    first = place
    while first > 0 and "\U0001f1e6" <= text[first - 1] <= "\U0001f1ff":
        first -= 1
    return "\U0001f1e6" <= text[place] <= "\U0001f1ff" and (place - first) % 2 == 1


def _unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)


def _account(text: str, asked: tuple[int, int], taken: tuple[int, int]) -> str:
    if asked == taken:
        return ""
    if taken[0] == taken[1]:
        return "there is no word in it"
    told = []
    if taken[0] < asked[0] or taken[1] > asked[1]:
        told.append("widened to whole words")
    if taken[0] > asked[0] or taken[1] < asked[1]:
        told.append("white space at its ends left out")
    return f"{' and '.join(told)}: from {text[slice(*asked)]!r} to {text[slice(*taken)]!r}"
