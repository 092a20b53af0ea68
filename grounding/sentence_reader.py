"""The sentences of an answer that is still being written, each as soon as it has ended.

Where a sentence ends is decided by :func:`~counterfoil.attribution.text.statements.statements`, on the answer as far as
it is written, at places that the text alone determines: behind the word that follows a possible end ("2." may go on
with "4", "Dr." with a name). So the sentences do not depend on the pieces in which the text arrives. What has been
read as a sentence stays one, whatever follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from counterfoil.attribution.text.statements import Statement, statements

_WORD_BEHIND_END = re.compile(r"[^\s\w,;|]\s+\S+\s|\n\s*\S+\s")
_CLOSING = "\"'”’»)\\]）」』】"
_STOPS = "。！？｡．؟।"
# Behind a quotation the next clause is waited for, which may say who said it; behind
# a question the letters of a particle.
_LETTER_BEHIND_STOP = re.compile(
    rf"[{_STOPS}][{_CLOSING}]+[^\s{_CLOSING}{_STOPS}][^\n{_STOPS}]*[\n{_STOPS}]|[？！][^\s{_CLOSING}{_STOPS}]{{3}}|"
    rf"[。｡．؟।][^\s{_CLOSING}{_STOPS}]"
)
_NEW_PARAGRAPH = re.compile(r"\n[ \t]*\r?\n\s*\S")


@dataclass(frozen=True)
class Segment:
    """A part of an answer: a sentence, or what stands between two.

    Args:
        start: First code point of the part.
        end: One past its last; the next part begins here.
        sentence: The sentence, its markers included; `None` for white space, headings, code and the like.
    """

    start: int
    end: int
    sentence: Statement | None = None


class SentenceReader:
    """Reads an answer piece by piece.

    Args:
        text: The beginning of the answer, whose sentences are known.

    Attributes:
        text: The answer as far as it was given.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._read_to = len(text)  # the segments so far end here
        last = max(0, len(text.rstrip()) - 1)
        self._scanners = [_Scanner(_WORD_BEHIND_END, last), _Scanner(_LETTER_BEHIND_STOP, last)]

    def feed(self, piece: str) -> list[Segment]:
        """Return the segments that have ended with this piece; together they hold the text without gaps."""
        self.text += piece
        places = sorted({place for scanner in self._scanners for place in scanner.places(self.text)})
        return [segment for place in places if place > self._read_to for segment in self._segments(place, ended=False)]

    def finish(self) -> list[Segment]:
        """Return the rest of the segments: nothing follows."""
        return self._segments(len(self.text), ended=True)

    def _segments(self, place: int, *, ended: bool) -> list[Segment]:
        """Return the segments that end before `place`."""
        written = self.text[:place]
        found = [clipped for each in statements(written, 0) if (clipped := _behind(each, self._read_to, written))]
        unfinished = found[-1] if found and not ended and not _NEW_PARAGRAPH.search(written, found[-1].end) else None
        segments = []
        for sentence in found[:-1] if unfinished else found:
            segments += self._gap(sentence.start)
            segments.append(Segment(sentence.start, sentence.end, sentence))
            self._read_to = sentence.end
        # Whole lines without a sentence: a line that has just begun may become one.
        last = place if ended else unfinished.start if unfinished else written.rfind("\n") + 1
        return [*segments, *self._gap(last)]

    def _gap(self, end: int) -> list[Segment]:
        start, self._read_to = self._read_to, max(self._read_to, end)
        return [Segment(start, end)] if start < end else []


class _Scanner:
    """Finds the matches of a pattern in a text that grows, from a position on."""

    def __init__(self, pattern: re.Pattern[str], position: int) -> None:
        self._pattern, self._position = pattern, position

    def places(self, text: str) -> Iterator[int]:
        """Yield where the new matches end."""
        while match := self._pattern.search(text, self._position):
            self._position = match.start() + 1
            yield match.end()


def _behind(sentence: Statement, position: int, text: str) -> Statement | None:
    """Return what of a sentence stands behind a position; `None` if it says nothing there."""
    if sentence.start >= position:
        return sentence
    parts = tuple((max(start, position), end) for start, end in sentence.parts if end > position)
    words = "".join(text[start:end] for start, end in parts)
    if not any(character.isalnum() for character in words):
        return None
    blank = len(words) - len(words.lstrip())
    if blank >= parts[0][1] - parts[0][0]:
        return None
    parts = ((parts[0][0] + blank, parts[0][1]), *parts[1:])
    return Statement(words.lstrip(), parts[0][0], sentence.end, parts, (), ())
