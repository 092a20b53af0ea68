"""Shorter words that might do: the runs of clauses and phrases that a sentence falls into."""

from __future__ import annotations

import itertools
import re

from ..documents import Document, SourceRange

MAX_CUTS = 8
"""A sentence with more places to cut at is cut at those only that are nearest to what the method found in it."""

# What a reader can begin to read at: a clause.
_CLAUSE = re.compile(
    r"(?<=[,;:–—).!?…])\s+|\s+(?=[(–—])|\s+(?=(?:and|or|but|nor|yet|so|which|who|whom|whose|that|when|where|while|whereas"
    r"|because|since|until|till|unless|although|though|if|after|before)\b)",
    re.IGNORECASE,
)
# What a reader can stop at: before a phrase as well.
_PHRASE = re.compile(
    r"\s+(?=(?:as|than|by|with|without|from|in|on|at|for|to|under|over|into|against|between|through|during|about)\b)",
    re.IGNORECASE,
)
_EDGE = " \t\r\n,;:–—"
_LINKS = re.compile(r"(?:and|or|but|nor|yet|so)\s+", re.IGNORECASE)


def shorter(document: Document, place: SourceRange, focus: int | None = None) -> list[SourceRange]:
    """Return the runs of words within `place` that begin with a clause and end with a clause or phrase, shortest first.

    Clauses end with their sentence, at commas, semicolons, colons, dashes and brackets, and before conjunctions and
    relative pronouns, phrases before prepositions (both of English; other languages are cut at their punctuation).

    Args:
        document: The document.
        place: What is to be shortened.
        focus: Where in the document the cuts matter most, if there are too many of them; `None` for the beginning.
    """
    text = document.text[place.start : place.end]
    at = 0 if focus is None else focus - place.start
    clauses = _nearest([match.end() for match in _CLAUSE.finditer(text)], at, MAX_CUTS)
    phrases = _nearest([match.end() for match in _PHRASE.finditer(text)], at, MAX_CUTS)
    stops = sorted({*clauses, *phrases, len(text)})
    found = set()
    for start, end in itertools.product([0, *clauses], stops):
        run = _trimmed(document.text, place.start + start, place.start + end)
        if run[0] < run[1] and run[1] - run[0] < place.end - place.start:
            found.add(SourceRange(place.document, *run))
    return sorted(found, key=lambda run: (run.end - run.start, run.start))


def _nearest(cuts: list[int], at: int, most: int) -> list[int]:
    return sorted(sorted(cuts, key=lambda cut: abs(cut - at))[:most])


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out punctuation and linking words at the ends, and half a pair of brackets."""
    link = _LINKS.match(text, start, max(start, end))
    start = link.end() if link else start
    while start < end and text[start] in _EDGE:
        start += 1
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    if text.count("(", start, end) != text.count(")", start, end):
        if end > start and text[end - 1] == ")":
            end -= 1
        elif start < end and text[start] == "(":
            start += 1
    return start, end
