"""Interface of decontextualization, and the way of doing it that changes nothing."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from ...text.markers import Range, cuts, kept, markers
from ..results import Resolution

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Claim:
    """What is said by some words of an answer.

    Args:
        text: The claim.
        parts: The ranges of the answer that it was taken from.
        words: The answer's own words among those of the claim.
        resolutions: What was changed.
        note: What a reader must know of how it was made.
    """

    text: str
    parts: tuple[Range, ...]
    words: str
    resolutions: tuple[Resolution, ...] = ()
    note: str = ""


class Decontextualizer(Protocol):
    """Anything that makes words of an answer understandable alone."""

    def decontextualize(self, answer: str, ranges: Sequence[Range], question: str | None) -> Claim:
        """Return the claim of some words.

        Args:
            answer: The answer.
            ranges: Where the words stand: in order, without overlap, and none cuts a word.
            question: What was asked, if that is known.
        """
        ...


class Verbatim:
    """Takes the words as they stand, without citation markers."""

    def decontextualize(self, answer: str, ranges: Sequence[Range], question: str | None) -> Claim:
        """Return the words themselves."""
        del question
        parts = unmarked(answer, ranges)
        words = text_of(answer, parts)
        return Claim(words, parts, words)


# fmt: off
_AFFIRMATIONS = frozenset({
    "yes", "true", "correct", "right", "indeed", "exactly", "absolutely", "certainly", "definitely", "sure", "ok",
    "okay", "ja", "doch", "stimmt", "richtig", "oui", "si", "sí", "sì", "sim", "tak", "da", "да", "верно", "是", "是的",
    "对", "はい", "예", "네", "نعم", "evet", "हाँ",
})
_DENIALS = frozenset({
    "no", "not", "false", "incorrect", "wrong", "never", "maybe", "perhaps", "nein", "falsch", "vielleicht", "non",
    "não", "nee", "nie", "нет", "不", "不是", "否", "いいえ", "아니요", "لا", "hayır", "नहीं",
})
# fmt: on
_FILLERS = frozenset({"that", "is", "this", "it", "of", "course"})


def affirms(claim: str) -> bool:
    """Tell whether a claim says nothing by itself but that something is so: "Yes", "That is correct"."""
    return bool(found := _bare_words(claim)) and found <= _AFFIRMATIONS


def says_nothing_alone(claim: str) -> bool:
    """Tell whether a claim only affirms, denies or doubts what is not said in it."""
    return bool(found := _bare_words(claim)) and found <= _AFFIRMATIONS | _DENIALS


def _bare_words(claim: str) -> set[str]:
    words = _WORD.findall(claim.casefold())
    return (
        {word for word in words if word not in {"that", "is", "this", "it", "of", "course"}}
        if len(words) < 5
        else set()
    )


def unmarked(answer: str, ranges: Sequence[Range]) -> tuple[Range, ...]:
    """Return the parts of the ranges that belong to no citation marker and hold more than white space."""
    return tuple(
        (a, b) for start, end in ranges for a, b in kept(start, end, _cuts(answer, start, end)) if answer[a:b].strip()
    )


def text_of(answer: str, parts: Sequence[Range]) -> str:
    """Return the words of some ranges in one line."""
    text = ""
    for number, (start, end) in enumerate(parts):
        text += between(answer, parts[number - 1][1], start) if number else ""
        text += answer[start:end]
    return " ".join(text.split())


def between(answer: str, end: int, start: int) -> str:
    """Return what parts a range that ends at `end` from the next one, which begins at `start`.

    Nothing if they touch, or if a citation marker stood between them; else a space.
    """
    marked = any(first <= end and start <= last for first, last in _cuts(answer, end, start))
    return "" if marked or end == start else " "


def _cuts(answer: str, start: int, end: int) -> list[Range]:
    """Return what belongs to citation markers and touches `[start, end)`."""
    found = _all_cuts(answer)
    return found[bisect_left(found, start, key=lambda cut: cut[1]) : bisect_right(found, end, key=lambda cut: cut[0])]


@lru_cache(maxsize=64)
def _all_cuts(answer: str) -> list[Range]:
    return cuts(answer, markers(answer))
