"""Shorter words that might do: the runs of clauses and phrases that a sentence falls into."""

from __future__ import annotations

import itertools
import re

from ..documents import Document
from .places import Place

MAX_CUTS = 8
"""A sentence with more places to cut at is cut at the first of them only."""

# What a reader can begin to read at: a clause.
_CLAUSE = re.compile(
    r"(?<=[,;:–—)])\s+|\s+(?=[(–—])|\s+(?=(?:and|or|but|nor|yet|so|which|who|whom|whose|that|when|where|while|whereas"
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


def shorter(document: Document, place: Place) -> list[Place]:
    """The runs of words within `place` that begin with a clause and end with a clause or phrase, the shortest first.

    Clauses end at commas, semicolons, colons, dashes and brackets, and before conjunctions and relative pronouns,
    phrases before prepositions (both of English; other languages are cut at their punctuation).
    """
    text = document.text[place.start : place.end]
    clauses = [match.end() for match in _CLAUSE.finditer(text)][:MAX_CUTS]
    stops = sorted({*clauses, *(match.end() for match in _PHRASE.finditer(text)), len(text)})
    found = set()
    for start, end in itertools.product([0, *clauses], stops[: 2 * MAX_CUTS] + stops[-1:]):
        run = _trimmed(document.text, place.start + start, place.start + end)
        if run[0] < run[1] and run[1] - run[0] < place.end - place.start:
            found.add(Place(place.document, *run))
    return sorted(found, key=lambda run: (run.end - run.start, run.start))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without punctuation and linking words at the ends, and without half a pair of brackets."""
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
