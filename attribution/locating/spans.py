"""Sentences of the sources by number, runs of neighbouring ones, and runs of their clauses and phrases.

Candidates are rounded to sentences and checked as runs of them; a sentence that supports a claim is then shortened.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import regex

from ..documents import Document, SourceRange, SourceSpan
from ..entailment.premises import STRICT
from ..text.segmentation import TextSpan, sentences

_WORD = regex.compile(r"\w")
# A full stop of any script, or the quotation mark or bracket that closes behind one.
_STOPPED = regex.compile(r"[\p{Sentence_Terminal}\p{Pe}\p{Pf}…\"']\s*\Z")

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


@lru_cache(maxsize=512)
def sentences_of(text: str) -> tuple[TextSpan, ...]:
    """Return the sentences of a text; they are remembered, because every query of a locator asks for them again."""
    return tuple(sentences(text))


def sentences_touched(text: str, start: int, end: int) -> range:
    """Return the numbers of the sentences of a text that `[start, end)` shares a word with."""
    pieces = sentences_of(text)
    first = bisect_right(pieces, start, key=lambda piece: piece.end)
    last = bisect_left(pieces, end, key=lambda piece: piece.start)
    while first < last and not _WORD.search(text, max(start, pieces[first].start), pieces[first].end):
        first += 1
    while first < last and not _WORD.search(text, pieces[last - 1].start, min(end, pieces[last - 1].end)):
        last -= 1
    return range(first, last)


def sentence_run(document: Document, first: int, size: int) -> SourceRange | None:
    """Return the run of `size` sentences from number `first` on, or `None` if the document has no such run."""
    pieces = sentences_of(document.text)
    if first < 0 or first + size > len(pieces):
        return None
    return SourceRange(document.id, pieces[first].start, pieces[first + size - 1].end)


def premise_of(ranges: Sequence[SourceRange], documents: Mapping[str, Document]) -> str:
    """Return what the entailment model is shown of some ranges: by document in the order given, each under its title.

    The ranges of one document are one text, in order; one that does not end a sentence is given a full stop, as
    LAQuer's own scorer does.
    """
    by_document: dict[str, list[SourceRange]] = {}
    for each in ranges:
        by_document.setdefault(each.document, []).append(each)
    shown = []
    for id_, own in by_document.items():
        text = documents[id_].text
        pieces = [with_stop(text[each.start : each.end].strip()) for each in sorted(own)]
        shown.append(replace(documents[id_], text=" ".join(pieces)))
    return STRICT.premise(shown)


def with_stop(text: str) -> str:
    """Return the text with a full stop, unless it is empty or ends a sentence already, in whatever script."""
    return text if not text or _STOPPED.search(text) else f"{text}."


def span_of(place: SourceRange, documents: Mapping[str, Document], score: float | None) -> SourceSpan:
    """Return the range with its words."""
    return SourceSpan.of(documents[place.document], place.start, place.end, score)


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
