"""Sentences with their places in the text.

The boundaries are those of `sentencex`; here they are only cut at list items and headings, joined where a piece
holds no word, and trimmed, so that every sentence says where in the given text it stands.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import sentencex

_SURROGATES = re.compile("[\ud800-\udfff]")
# A list item or a heading is a unit of its own even where its line ends without a full stop.
_BLOCK_START = re.compile(r"(?m)^[ \t]*(?:[-*•+–][ \t]|\d{1,3}[.)][ \t]|#{1,6}[ \t])")
_HEADING_END = re.compile(r"(?m)^[ \t]*#{1,6}[ \t][^\n]*(?:\n|\Z)")
_ITEM_NUMBER = re.compile(r"\s*\d{1,3}[.)]\s*\Z")
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class TextSpan:
    """`text` stands at `[start, end)` of the text it was taken from, in code points.

    Args:
        start: First code point of the span.
        end: One past the last.
        text: What stands between them.
    """

    start: int
    end: int
    text: str


def sentences(text: str, language: str = "en") -> list[TextSpan]:
    """The sentences of `text`, in order, without the white space around them.

    Args:
        text: Any text.
        language: ISO 639 code, as `sentencex` takes it.

    Returns:
        Spans whose `text` equals the slice of the given text, which do not overlap and which together hold every
        character that is not white space. Empty for a text of white space only.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        pieces = [_trimmed(text, *piece) for piece in _boundaries(text, start, end, language)]
        spans.extend(_joined(text, [piece for piece in pieces if piece[0] < piece[1]]))
    return [TextSpan(start, end, text[start:end]) for start, end in _joined(text, spans)]


def without_surrogates(text: str) -> str:
    """`text` with a replacement character for each lone surrogate, which has no UTF-8; offsets stay as they are."""
    return _SURROGATES.sub("�", text)


def _blocks(text: str) -> list[tuple[int, int]]:
    cuts = {0, len(text)}
    cuts.update(match.start() for match in _BLOCK_START.finditer(text))
    cuts.update(match.end() for match in _HEADING_END.finditer(text))
    ordered = sorted(cuts)
    return list(itertools.pairwise(ordered))


def _boundaries(text: str, start: int, end: int, language: str) -> list[tuple[int, int]]:
    block = without_surrogates(text[start:end])
    found = sentencex.get_sentence_boundaries(language, block)  # pyright: ignore[reportAttributeAccessIssue]  (a compiled module without stubs)
    return [(start + piece["start_index"], start + piece["end_index"]) for piece in found]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + max(left, len(piece.rstrip()))


def _joined(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pieces without a word go to the sentence before; the number of a list item goes to the item."""
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        dangling = bool(joined) and not _complete(text[slice(*joined[-1])])
        if joined and (dangling or not _WORD.search(text, start, end)):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _complete(piece: str) -> bool:
    return bool(_WORD.search(piece)) and not _ITEM_NUMBER.fullmatch(piece)
