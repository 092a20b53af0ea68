"""Ranges that begin and end at word boundaries (Unicode Standard Annex 29): no half words, no half letters."""

from __future__ import annotations

import regex

_BOUNDARY = regex.compile(r"(?w)\b")
_GRAPHEME = regex.compile(r"\X")
# A time, a date, a fraction and a number with its sign are one word each, and so are a power and a formula, though the
# annex parts them.
_HIGH_OR_LOW = "[⁰¹²³⁴-⁹₀-₉]"
_INSIDE_NUMBER = regex.compile(
    r"(?<=\d)[:/](?=\d)|(?<=\d[:/])(?=\d)|(?<=\d{4})-(?=\d\d-\d\d)|(?<=\d{4}-)(?=\d\d-\d\d)|"
    r"(?<=\d{4}-\d\d)-(?=\d\d)|(?<=\d{4}-\d\d-)(?=\d\d)|(?<=(?:^|[\s(])[-−+±])(?=\d)|"
    rf"(?<=\w)(?={_HIGH_OR_LOW})|(?<={_HIGH_OR_LOW})(?=\w)"
)

CONTEXT = 100
"""Characters that are looked at beside a range; from the next blank on, since no word reaches over one."""


def snapped(text: str, start: int, end: int) -> tuple[int, int, str]:
    """Return the range nearest to `[start, end)` that cuts no word, and a note of what was changed.

    A word that is only touched is taken in whole; white space at either end is left out. An empty range stands for the
    word that it is in or beside.

    Args:
        text: Any text.
        start: First code point.
        end: One past the last.

    Returns:
        Start, end and the note, which is empty if nothing was changed. Start and end are equal if there is no word to
        take.

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
        places = _boundaries(text, left, right)
        left = max(place for place in places if place <= left)
        right = min(place for place in places if place >= right)
    return left, right, _note(text, (start, end), (left, right))


def _boundaries(text: str, left: int, right: int) -> set[int]:
    """Return the word boundaries around `[left, right)` that part no letter; the ends of the text are among them."""
    begin = text.rfind(" ", 0, max(0, left - CONTEXT)) + 1
    end = text.find(" ", right + CONTEXT)
    near = text[begin : end if end >= 0 else len(text)]
    words = {match.start() for match in _BOUNDARY.finditer(near)}
    letters = {match.start() for match in _GRAPHEME.finditer(near)}
    within = {match.start() for match in _INSIDE_NUMBER.finditer(near)}
    return {begin + place for place in (words & letters - within) | {0, len(near)}}


def _note(text: str, asked: tuple[int, int], taken: tuple[int, int]) -> str:
    if asked == taken:
        return ""
    if taken[0] == taken[1]:
        return "there is no word in it"
    changes = []
    if taken[0] < asked[0] or taken[1] > asked[1]:
        changes.append("widened to whole words")
    if taken[0] > asked[0] or taken[1] < asked[1]:
        changes.append("white space at its ends left out")
    return f"{' and '.join(changes)}: from {text[slice(*asked)]!r} to {text[slice(*taken)]!r}"
