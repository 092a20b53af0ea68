"""Sentences of the sources by number, and runs of neighbouring ones: what candidates are rounded to and checked as."""

from __future__ import annotations

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
