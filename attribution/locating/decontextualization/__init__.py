"""Decontextualization: from words of an answer to a claim that can be understood, located and checked alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import regex

from ...text.markers import Range
from .base import Claim, Decontextualizer, Verbatim
from .rules import Rules
from .tables import row_at

__all__ = ["WAYS", "Claim", "Decontextualizer", "Rules", "Verbatim", "claims", "decontextualizer", "understood"]

WAYS = ("rules", "none")

_WORD = regex.compile(r"\w+")


def decontextualizer(way: Decontextualizer | str) -> Decontextualizer:
    """Return the decontextualizer of that name, or the one given.

    Raises:
        ValueError: If the name is not one of :data:`WAYS`.
    """
    if not isinstance(way, str):
        return way
    if way not in WAYS:
        raise ValueError(f"`decontextualize` has to be one of {', '.join(WAYS)} or a Decontextualizer, but is {way!r}")
    return Verbatim() if way == "none" else Rules()


def understood(way: Decontextualizer | str, answer: str, place: Range, question: str | None) -> str:
    """Return the claim of a sentence that is understood only with the question or the sentences before it, else "".

    Rows of tables are left as they stand: with the titles of their columns between, the default judge gives true ones a
    fifth of the probability.

    Args:
        way: As for :func:`decontextualizer`.
        answer: The answer.
        place: Where the sentence stands in it.
        question: What was asked, if that is known.
    """
    if row_at(answer, *place) is not None:
        return ""
    claim = decontextualizer(way).decontextualize(answer, [place], question)
    return claim.text if claim.resolutions else ""


def claims(
    way: Decontextualizer | str, answer: str, place: Range, question: str | None
) -> Iterator[tuple[Range, Claim]]:
    """Yield the runs of words of a part of an answer that are read as one claim, each with the claim.

    Args:
        way: As for :func:`decontextualizer`.
        answer: The answer.
        place: The part.
        question: What was asked, if that is known.
    """
    words = [match.span() for match in _WORD.finditer(answer, *place)]
    claim_of = decontextualizer(way).decontextualize
    found = {word: claim_of(answer, [word], question) for word in words}
    for text, run in itertools.groupby(words, key=lambda word: found[word].text):
        inside = list(run)
        # A word alone between two clauses joins them and says nothing.
        if text and (len(inside) > 1 or len(words) == 1):
            yield (inside[0][0], inside[-1][1]), found[inside[0]]
