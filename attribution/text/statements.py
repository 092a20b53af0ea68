"""Statements of an answer, and what each of them cites.

A statement is a sentence, an item of a list, or a row of a table. Code, reference lists, column titles, and headings
that cite nothing are no statements.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from .abbreviations import sentence_goes_on
from .markdown import Kind, blocks
from .markers import LINKS_IN_BRACKETS, Marker, Range, cuts, kept, markers
from .segmentation import TAG, TextSpan, language_of, sentences

Splitter = Callable[[str], Iterable[str | TextSpan]]
"""Cuts a text into sentences: spans, or plain strings in the order in which they stand in the text."""

SPLITTERS = ("sentencex", "nltk")

_BLANKS_BEFORE = re.compile(r"\A(?:[\s\u200b\u2060\ufeff]|>[ \t])+")
_BLANKS_BEHIND = re.compile(r"(?:[\s\u200b\u2060\ufeff]|(?<=\n)[ \t]*>)+\Z")  # the mark of a quoted line as well
_ENDED = re.compile(r"[.!?…。！？।؟．｡‽][\"'”’»)\]*_]*\s*\Z")
_BEGINS = re.compile(r"\s+[\"“„«‘'(\[*_]*(?:[^\W\d_])")


class Status(StrEnum):
    """Verdict on a statement, or on one citation of it."""

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
        text: The sentence without its markers.
        start: Where the sentence begins in the answer, its markers included.
        end: One past its last character.
        parts: The ranges of the answer that make up `text`.
        cited: Numbers of the documents cited, from 1, in order of first mention, each once; only those that exist.
        invalid: Cited numbers and ranges that do not exist (`"0"`, `"9"`, `"5-2"`), each once.
    """

    text: str
    start: int
    end: int
    parts: tuple[Range, ...]
    cited: tuple[int, ...]
    invalid: tuple[str, ...]

    def place(self, position: int) -> int:
        """Return where in the answer the character at `position` of :attr:`text` stands."""
        for start, end in self.parts:
            if position < end - start:
                return start + position
            position -= end - start
        return self.parts[-1][1]


def statements(answer: str, n_documents: int, splitter: Splitter = sentences) -> list[Statement]:
    """Return the statements of `answer`, in order.

    A marker within a sentence belongs to it. Markers between two sentences belong to the one before, except on a line
    that begins with a marker, behind a line break, behind a sentence that has a marker before its full stop, and before
    a sentence that goes on in lower case: there they belong to what follows. Pieces without a word beside their markers
    belong to the sentence before.

    Args:
        answer: The answer with its markers.
        n_documents: How many documents there are: numbers outside `1..n_documents` are invalid.
        splitter: Cuts a paragraph into sentences; the library's own by the rules of the whole answer's language.
    """
    splitter = partial(sentences, language=language_of(answer)) if splitter is sentences else splitter
    reader = _Reader(answer, n_documents)
    return [reader.statement(start, end) for start, end in reader.ranges(splitter)]


def located(text: str, pieces: Iterable[str | TextSpan]) -> list[TextSpan]:
    """Return sentences given as strings with their places in `text`.

    Raises:
        ValueError: If a string does not stand in the text behind the ones before it.
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


def load_splitter(name: str) -> Splitter:
    """Return the splitter called `name`: the library's own, or NLTK's punkt, with which ALCE's figures were made.

    Raises:
        ValueError: If there is no such name, or punkt's data has not been downloaded.
        ImportError: Without nltk; the message has the `pip install` line.
    """
    if name == "sentencex":
        return sentences
    if name != "nltk":
        raise ValueError(f"`name` has to be one of {', '.join(SPLITTERS)}, but is {name!r}")
    try:
        from nltk import sent_tokenize  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  (optional)
    except ImportError as error:
        raise ImportError(f"the splitter nltk needs NLTK ({error}): pip install nltk") from error
    try:
        sent_tokenize("Once.")
    except LookupError as error:
        raise ValueError("the splitter nltk needs its data: python -m nltk.downloader punkt_tab") from error
    return sent_tokenize


class _Reader:
    """One answer with its markers, which are looked up by the range of a sentence."""

    def __init__(self, answer: str, n_documents: int) -> None:
        self.answer = answer
        self.n_documents = n_documents
        self.markers = markers(answer, n_documents)
        self.cuts = cuts(answer, self.markers)
        self._starts = [marker.start for marker in self.markers]
        self._ends = [end for _, end in self.cuts]

    def parts(self, start: int, end: int) -> tuple[Range, ...]:
        """Return the ranges of `[start, end)` outside its markers, without blanks at either end."""
        parts = list(kept(start, end, self.near(start, end)))
        while parts and not self._stripped(parts[0]):
            parts.pop(0)
        while parts and not self._stripped(parts[-1]):
            parts.pop()
        if parts:
            parts[-1] = (parts[-1][0], parts[-1][0] + len(_BLANKS_BEHIND.sub("", self.answer[slice(*parts[-1])])))
            parts[0] = (parts[0][1] - len(self._stripped(parts[0])), parts[0][1])
        return tuple(parts)

    def _stripped(self, part: Range) -> str:
        return _BLANKS_BEFORE.sub("", self.answer[slice(*part)])

    def near(self, start: int, end: int) -> list[Range]:
        """Return the ranges of markers that touch `[start, end)`."""
        return self.cuts[bisect_right(self._ends, start) : bisect_left(self._ends, end) + 1]

    def groups(self, start: int, end: int) -> list[Range]:
        """Return the ranges of markers that lie within `[start, end)`, white space before them aside."""
        return [(a, b) for a, b in self._trimmed(start, end) if start <= a and b <= end]

    def _trimmed(self, start: int, end: int) -> list[Range]:
        return [(b - len(self.answer[a:b].lstrip()), b) for a, b in self.near(start, end)]

    def within(self, start: int, end: int) -> list[Marker]:
        """Return the markers that begin in `[start, end)`."""
        return self.markers[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def ranges(self, splitter: Splitter) -> list[Range]:
        """Return the statements as ranges of the answer, each with the markers that belong to it."""
        ranges: list[Range] = []
        orphans: int | None = None  # where markers begin that have no statement before them
        for block in blocks(self.answer):
            if block.kind in {Kind.CODE, Kind.REFERENCES} or (
                block.kind is Kind.HEADING and not self.within(block.start, block.end)
            ):
                orphans = None
                ranges.append((block.end, block.end))  # nothing reaches across it
                continue
            whole = block.kind is not Kind.PROSE
            pieces = [(block.start, block.end)] if whole else self.sentences(block.start, block.end, splitter)
            found = self.owned(pieces, block.start, block.end)
            if found and orphans is not None:
                found[0] = (orphans, found[0][1])
                orphans = None
            if not found and (own := self.within(block.start, block.end)):
                if ranges and ranges[-1][0] < ranges[-1][1]:
                    ranges[-1] = (ranges[-1][0], block.end)
                elif not ranges:
                    # Markers that run on into the next block are no group of this one.
                    orphans = min([own[0].start, *(start for start, _ in self.groups(block.start, block.end)[:1])])
            ranges.extend(found)
        return [(start, end) for start, end in ranges if start < end]

    def sentences(self, start: int, end: int, splitter: Splitter) -> list[Range]:
        """Return the sentences of one paragraph; line breaks and markers may cut as well as the splitter."""
        places = {start, end, *self._split(start, end, splitter)}
        places.update(self._line_breaks(start, end))
        places.update(self._behind_markers(start, end))
        inside = self._trimmed(start, end)
        clean = sorted(place for place in places if all(not a < place < b for a, b in inside))
        return list(itertools.pairwise(clean))

    def _split(self, start: int, end: int, splitter: Splitter) -> Iterator[int]:
        """Yield where the splitter cuts; the library's own reads the paragraph without its markers.

        Between "Inc." and "grew" a marker would hide that the sentence goes on.
        """
        if not isinstance(splitter, partial):
            source = self.answer[start:end]
            yield from (start + span.start for span in located(source, splitter(source)))
            return
        clean, origin = "", []
        for a, b in kept(start, end, self.near(start, end)):
            glued = clean[-1:] in {".", "!", "?"} and self.answer[a].isupper()
            clean += " " * glued + self.answer[a:b]
            origin += [a] * glued + [*range(a, b)]
        for span in located(clean, splitter(clean)):
            yield origin[span.start]

    def _line_breaks(self, start: int, end: int) -> Iterator[int]:
        """Yield the beginnings of lines that begin with a marker, or that follow one that ends with a marker."""
        ends = {b for _, b in self.groups(start, end)}
        begins = {a for a, _ in self.groups(start, end)}
        for match in re.finditer(r"[ \t]*\r?\n[ \t>]*", self.answer[start:end]):
            before, behind = start + match.start(), start + match.end()
            after_marker = before in ends or (before - 1 in ends and self.answer[before - 1] in ".!?。")
            if behind in begins or (after_marker and not self.answer[behind : behind + 1].islower()):
                yield behind

    def _behind_markers(self, start: int, end: int) -> Iterator[int]:
        """Yield the ends of markers that stand between two sentences."""
        links = (match.span() for match in LINKS_IN_BRACKETS.finditer(self.answer, start, end))
        for a, b in [*self.groups(start, end), *links]:
            if _ENDED.search(self.answer, max(start, a - 10), a) and (found := _BEGINS.match(self.answer, b, end)):
                around = self.answer[max(start, a - 60) : a].rstrip(), self.answer[b : min(end, b + 60)]
                if not found.group()[-1].islower() and not sentence_goes_on("".join(around), len(around[0])):
                    yield b

    def owned(self, pieces: list[Range], start: int, end: int) -> list[Range]:
        """Return the statements of one paragraph `[start, end)`: the pieces that say something, with their markers."""
        cores: list[Range] = []
        for piece in pieces:
            parts = self.parts(*piece)
            core = (parts[0][0], parts[-1][1]) if parts else None
            left = LINKS_IN_BRACKETS.sub("", TAG.sub("", "".join(self.answer[a:b] for a, b in parts)))
            says = any(character.isalnum() for character in left)
            if core and says:
                cores.append(core)
            elif core and cores:
                cores[-1] = (cores[-1][0], core[1])
        if not cores:
            return []
        found = list(cores)
        for number, (left, right) in enumerate(itertools.pairwise(cores)):
            groups = self.groups(left[1], right[0])
            cut = next((n for n in range(len(groups)) if self._leads(left, groups[n], groups[n:], right)), len(groups))
            if groups[:cut]:
                found[number] = (found[number][0], groups[cut - 1][1])
            if groups[cut:]:
                found[number + 1] = (groups[cut][0], found[number + 1][1])
        first, last = self.groups(start, cores[0][0]), self.groups(cores[-1][1], end)
        if first:
            found[0] = (first[0][0], found[0][1])
        if last:
            found[-1] = (found[-1][0], last[-1][1])
        return found

    def _leads(self, left: Range, group: Range, groups: list[Range], right: Range) -> bool:
        """Return whether markers between two sentences belong to the second."""
        if "\n" in self.answer[left[1] : group[0]]:
            return "\n" not in self.answer[groups[-1][1] : right[0]]
        if "\n" in self.answer[group[1] : right[0]]:
            return False
        line = self.answer.rfind("\n", 0, left[0]) + 1
        first = next(iter(self.groups(line, left[1])), None)
        if first is not None and not any(character.isalnum() for character in self.answer[line : first[0]]):
            return True
        stop = left[0] + len(self.answer[slice(*left)].rstrip(".!?…。！？\"'”’»)*_ "))
        cited_before_stop = any(a <= stop <= b or a <= stop + 1 <= b for a, b in self.near(*left) if b <= left[1])
        return cited_before_stop or self.answer[right[0]].islower()

    def statement(self, start: int, end: int) -> Statement:
        """Return the statement of a range."""
        own = self.within(start, end)
        ids = [id_ for marker in own for id_ in marker.ids]
        broken = [part for marker in own for part in marker.broken]
        parts = self.parts(start, end)
        outside = [str(id_) for id_ in ids if not 1 <= id_ <= self.n_documents]
        return Statement(
            text="".join(self.answer[a:b] for a, b in parts),
            start=start,
            end=end,
            parts=parts,
            cited=tuple(dict.fromkeys(id_ for id_ in ids if 1 <= id_ <= self.n_documents)),
            invalid=tuple(dict.fromkeys([*outside, *broken])),
        )
