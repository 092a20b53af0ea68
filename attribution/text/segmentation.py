"""Sentences with their places in the text.

The boundaries are those of `sentencex`. Here they are dropped behind abbreviations and ordinal numbers, added behind
units ("31 m. The pier"), cut at list items, headings and rows of tables, joined if a piece holds no word, and trimmed,
so that every sentence says where in the given text it stands.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import sentencex

from ..serialization import without_surrogates
from .abbreviations import sentence_goes_on

_NUMBERING = r"(?:\d{1,3}|[ivx]{2,4})[.)]"
_BLOCK_TAGS = r"(?:p|li|div|h[1-6]|tr|ul|ol|table)"
# A list item, a heading, a row of a table is a unit of its own even if its line ends without a full stop.
_BLOCK_START = re.compile(
    rf"(?m)^[ \t]*(?:(?:[-*•+–→▪◦‣·✓✔►]|{_NUMBERING}|[a-zA-Z]\)|\((?:\d{{1,3}}|[a-zA-Z]|[ivx]{{2,4}})\)|#{{1,6}})[ \t]|"
    rf"[①-⑳]|[一二三四五六七八九十]{{1,3}}、|\d{{1,2}}、|\||<{_BLOCK_TAGS}\b)"
)
_BLOCK_END = re.compile(rf"(?m)^[ \t]*#{{1,6}}[ \t][^\n]*(?:\n|\Z)|</{_BLOCK_TAGS}>\s*|<br ?/?>\s*")
_ITEM_NUMBER = re.compile(rf"\s*{_NUMBERING}\s*\Z")
_WORD = re.compile(r"\w")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BEHIND_UNIT = re.compile(
    r"(?<=\d)\s?(?:[mckµn]?m|km|[mkµ]?g|m?l|ft|mi|lb|oz|h|s|ms|min|[kMG]?W|[kM]?V|[kMG]?Hz|[°º]?[CF]|K)[²³]?\.(?P<gap>\s+)"
    r"(?=[\"“„«(\[]?[A-ZÄÖÜ][a-zäöüß]*\s)"
)
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_LATIN = re.compile("[A-Za-zÀ-ɏ]")


@dataclass(frozen=True)
class TextSpan:
    """`text` stands at `[start, end)` of the text it was taken from, in code points.

    Args:
        start: First code point of the span.
        end: One past the last.
        text: The characters between them.
    """

    start: int
    end: int
    text: str


def sentences(text: str, language: str | None = None) -> list[TextSpan]:
    """Return the sentences of `text`, in order, without the white space around them.

    Args:
        text: Any text.
        language: ISO 639 code, as `sentencex` takes it; `None` for Russian if most letters are Cyrillic, else English,
            whose rules cut most other languages and scripts as well.

    Returns:
        Spans whose `text` equals the slice of the given text, which do not overlap and which together hold every
        character that is not white space. Empty for a text of white space only.
    """
    language = language or _language(text)
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        pieces = [_trimmed(text, *piece) for piece in _boundaries(text, start, end, language)]
        spans.extend(_joined(text, [piece for piece in pieces if piece[0] < piece[1]]))
    return [TextSpan(start, end, text[start:end]) for start, end in _joined(text, spans)]


def _language(text: str) -> str:
    sample = text[:2000]
    return "ru" if len(_CYRILLIC.findall(sample)) > len(_LATIN.findall(sample)) else "en"


def _blocks(text: str) -> Iterable[tuple[int, int]]:
    cuts = {0, len(text)}
    cuts.update(match.start() for match in _BLOCK_START.finditer(text))
    cuts.update(match.end() for match in _BLOCK_END.finditer(text))
    return itertools.pairwise(sorted(cuts))


def _boundaries(text: str, start: int, end: int, language: str) -> Iterable[tuple[int, int]]:
    block = without_surrogates(text[start:end])
    found = sentencex.get_sentence_boundaries(language, block)  # pyright: ignore[reportAttributeAccessIssue]  (a compiled module without stubs)
    places = {piece["end_index"] for piece in found[:-1] if not sentence_goes_on(block, piece["end_index"])}
    places.update(match.start("gap") for match in _BEHIND_UNIT.finditer(block))
    return itertools.pairwise([start, *(start + place for place in sorted(places)), end])


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + max(left, len(piece.rstrip()))


def _joined(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join pieces without a word to the sentence before, and the number of a list item to the item."""
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        dangling = bool(joined) and not _complete(text[slice(*joined[-1])])
        if joined and (dangling or not _has_word(text[start:end])):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _complete(piece: str) -> bool:
    return _has_word(piece) and not _ITEM_NUMBER.fullmatch(piece)


def _has_word(piece: str) -> bool:
    return bool(_WORD.search(_TAG.sub("", piece)))
