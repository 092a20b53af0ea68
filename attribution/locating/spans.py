"""Sentences of the sources by number, and runs of neighbouring ones: what candidates are rounded to and checked as."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..documents import Document, SourceSpan
from ..scoring.premises import STRICT
from ..text.segmentation import TextSpan, sentences

_WORD = re.compile(r"\w")
_STOPS = ".!?…。！？\"'”’»)]"


@dataclass(frozen=True, order=True)
class Place:
    """`[start, end)` of one document."""

    document: str
    start: int
    end: int


@lru_cache(maxsize=512)
def sentences_of(text: str) -> tuple[TextSpan, ...]:
    """The sentences of a document's text; kept, because every query of a locator asks for them again."""
    return tuple(sentences(text))


def touched(document: Document, start: int, end: int) -> range:
    """Numbers of the sentences that `[start, end)` shares a word with."""
    pieces = sentences_of(document.text)
    first = bisect_right([piece.end for piece in pieces], start)
    last = bisect_left([piece.start for piece in pieces], end)
    while first < last and not _WORD.search(document.text, max(start, pieces[first].start), pieces[first].end):
        first += 1
    while first < last and not _WORD.search(document.text, pieces[last - 1].start, min(end, pieces[last - 1].end)):
        last -= 1
    return range(first, last)


def run(document: Document, first: int, size: int) -> Place | None:
    """The run of `size` sentences from number `first` on, `None` where the document has no such run."""
    pieces = sentences_of(document.text)
    if first < 0 or first + size > len(pieces):
        return None
    return Place(document.id, pieces[first].start, pieces[first + size - 1].end)


def premise(places: Sequence[Place], documents: Mapping[str, Document]) -> str:
    """What the entailment model is shown of some places: by document in the order given, each under its title.

    The places of one document are one text, in order; one that does not end a sentence is given a full stop, as
    LAQuer's own scorer does.
    """
    by_document: dict[str, list[Place]] = {}
    for place in places:
        by_document.setdefault(place.document, []).append(place)
    shown = []
    for id_, own in by_document.items():
        text = documents[id_].text
        pieces = [_stopped(text[place.start : place.end].strip()) for place in sorted(own)]
        shown.append(replace(documents[id_], text=" ".join(pieces)))
    return STRICT.premise(shown)


def _stopped(text: str) -> str:
    return text if not text or text[-1] in _STOPS else f"{text}."


def span(place: Place, documents: Mapping[str, Document], score: float | None) -> SourceSpan:
    """The place with its words."""
    return SourceSpan.of(documents[place.document], place.start, place.end, score)
