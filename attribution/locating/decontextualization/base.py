"""Interface of decontextualization, and the way of doing it that changes nothing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from ...text.markers import Range, cuts, kept, markers
from ..results import Resolution

WAYS = ("rules", "none")


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


def decontextualizer(way: Decontextualizer | str) -> Decontextualizer:
    """Return the decontextualizer of that name, or the one given.

    Raises:
        ValueError: If the name is not one of :data:`WAYS`.
    """
    if not isinstance(way, str):
        return way
    if way not in WAYS:
        raise ValueError(f"`decontextualize` has to be one of {', '.join(WAYS)} or a Decontextualizer, but is {way!r}")
    if way == "none":
        return Verbatim()
    from .rules import Rules  # noqa: PLC0415 (it is built on this module)

    return Rules()


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
