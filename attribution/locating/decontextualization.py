"""From words of an answer to a claim that can be understood, located and checked alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..text.markers import Range, cuts, kept, markers
from .attributions import Resolution


@dataclass(frozen=True)
class Claim:
    """What is said by some words of an answer.

    Args:
        text: The claim.
        parts: The ranges of the answer that it was taken from.
        words: The answer's own words among those of the claim.
        resolutions: What was changed.
        note: What a reader has to know of how it was made.
    """

    text: str
    parts: tuple[Range, ...]
    words: str
    resolutions: tuple[Resolution, ...] = ()
    note: str = ""


class ClaimWriter(Protocol):
    """Makes claims."""

    def claim(self, answer: str, start: int, end: int, question: str | None) -> Claim:
        """The claim of `answer[start:end]`, a range that cuts no word."""
        ...


class Verbatim:
    """The words as they stand, without citation markers."""

    def claim(self, answer: str, start: int, end: int, question: str | None) -> Claim:
        """The words themselves."""
        del question
        parts = unmarked(answer, start, end)
        words = text_of(answer, parts)
        return Claim(words, parts, words)


def unmarked(answer: str, start: int, end: int) -> tuple[Range, ...]:
    """The parts of `[start, end)` that belong to no citation marker and hold more than white space."""
    parts = kept(start, end, cuts(answer, markers(answer)))
    return tuple((a, b) for a, b in parts if answer[a:b].strip())


def text_of(answer: str, parts: tuple[Range, ...]) -> str:
    """The words of some ranges in one line."""
    return " ".join("".join(answer[a:b] for a, b in parts).split())
