"""The statements of an answer, and what each of them cites."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from .markers import Marker, Range, cuts, kept, markers
from .segmentation import TextSpan, sentences

Splitter = Callable[[str], Iterable[str | TextSpan]]
"""Cuts a text into sentences: spans, or plain strings in the order in which they stand in the text."""


class Status(StrEnum):
    """What is known of a statement, or of one citation of it."""

    SUPPORTED = "supported"
    PARTIALLY_SUPPORTED = "partially_supported"
    NOT_SUPPORTED = "not_supported"
    CONTRADICTED = "contradicted"
    NO_CITATION = "no_citation"
    INVALID_CITATION = "invalid_citation"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True)
class Statement:
    """A sentence of an answer.

    Args:
        text: What is to be supported: the sentence without its markers.
        start: Where the sentence begins in the answer, its markers included.
        end: One past its last character.
        parts: The ranges of the answer that make up `text`.
        cited: Numbers of the documents cited, from 1, in order of first mention, each once; only those that exist.
        invalid: What is cited but does not exist (`"0"`, `"9"`, `"5-2"`), each once.
    """

    text: str
    start: int
    end: int
    parts: tuple[Range, ...]
    cited: tuple[int, ...]
    invalid: tuple[str, ...]


def statements(answer: str, n_documents: int, splitter: Splitter = sentences) -> list[Statement]:
    """The sentences of `answer` that say something.

    A marker after the full stop belongs to the sentence before it. A sentence without a word beside its markers says
    nothing; its markers belong to the sentence before.

    Args:
        answer: The answer with its markers.
        n_documents: How many documents there are: ids outside `1..n_documents` are invalid.
        splitter: Cuts the answer into sentences.
    """
    reader = _Reader(answer)
    ranges = reader.ranges(located(answer, splitter(answer)))
    return [reader.statement(start, end, n_documents) for start, end in ranges]


def located(text: str, pieces: Iterable[str | TextSpan]) -> list[TextSpan]:
    """Sentences given as strings, with their places in `text`.

    Raises:
        ValueError: Where a string does not stand in the text behind the ones before it.
    """
    spans: list[TextSpan] = []
    position = 0
    for piece in pieces:
        if isinstance(piece, TextSpan):
            span = piece
        else:
            start = text.find(piece, position)
            if start < 0:
                raise ValueError(f"`sentences` has to return pieces of the answer, but returned {piece!r}")
            span = TextSpan(start, start + len(piece), piece)
        spans.append(span)
        position = span.end
    return spans


class _Reader:
    """One answer with its markers, which are looked up by the range of a sentence."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.markers = markers(answer)
        self.cuts = cuts(answer, self.markers)
        self._starts = [marker.start for marker in self.markers]
        self._ends = [end for _, end in self.cuts]

    def parts(self, start: int, end: int) -> tuple[Range, ...]:
        """The ranges of `[start, end)` outside its markers, without white space at either end."""
        near = self.cuts[bisect_right(self._ends, start) : bisect_left(self._ends, end) + 1]
        parts = list(kept(start, end, near))
        while parts and not self.answer[slice(*parts[0])].strip():
            parts.pop(0)
        while parts and not self.answer[slice(*parts[-1])].strip():
            parts.pop()
        if parts:
            first, last = self.answer[slice(*parts[0])], self.answer[slice(*parts[-1])]
            parts[-1] = (parts[-1][0], parts[-1][0] + len(last.rstrip()))
            parts[0] = (parts[0][0] + len(first) - len(first.lstrip()), parts[0][1])
        return tuple(parts)

    def text(self, start: int, end: int) -> str:
        return "".join(self.answer[a:b] for a, b in self.parts(start, end))

    def leading(self, start: int, end: int) -> int:
        """Where the markers at the beginning of `[start, end)` stop."""
        stop = start
        for marker in self.within(start, end):
            if self.answer[stop : marker.start].strip():
                break
            stop = marker.end
        return stop

    def within(self, start: int, end: int) -> list[Marker]:
        """The markers that begin in `[start, end)`."""
        return self.markers[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def ranges(self, spans: list[TextSpan]) -> list[Range]:
        """The sentences that say something, each with the markers that belong to it."""
        ranges: list[Range] = []
        for span in spans:
            start, end = span.start, span.end
            says = any(character.isalnum() for character in self.text(start, end))
            if ranges and "\n" not in self.answer[ranges[-1][1] : start]:
                start = self.leading(start, end)
            if ranges and not says:
                start = end
            if start > span.start:
                ranges[-1] = (ranges[-1][0], start)
            if says:
                remaining = self.answer[start:end]
                ranges.append((start + len(remaining) - len(remaining.lstrip()), end))
        return ranges

    def statement(self, start: int, end: int, n_documents: int) -> Statement:
        own = self.within(start, end)
        ids = [id_ for marker in own for id_ in marker.ids]
        broken = [part for marker in own for part in marker.broken]
        outside = [str(id_) for id_ in ids if not 1 <= id_ <= n_documents]
        return Statement(
            text=self.text(start, end),
            start=start,
            end=end,
            parts=self.parts(start, end),
            cited=tuple(dict.fromkeys(id_ for id_ in ids if 1 <= id_ <= n_documents)),
            invalid=tuple(dict.fromkeys([*outside, *broken])),
        )
