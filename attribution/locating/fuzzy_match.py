"""Finding a copied snippet in a text: word for word, then but for letter case, spacing and punctuation, then nearly."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ..documents import Document, SourceSpan
from ..text.word_boundaries import snapped

FUZZY = 85.0
"""Least similarity of a near match, in percent of the characters (rapidfuzz's partial ratio)."""

LEAST_FUZZY = 12
"""Shorter snippets than this match something somewhere."""


def find_snippet(snippet: str, documents: Sequence[Document], fuzzy: float = FUZZY) -> tuple[SourceSpan, str] | None:
    """Return where a snippet stands, and how it was found: `"exact"`, `"normalised"` or `"fuzzy"`; `None` if nowhere.

    A snippet that stands in several places is taken at the first of them, in the order of the documents.

    Raises:
        ImportError: Without rapidfuzz; the message has the `pip install` line.
    """
    if not documents:
        return None
    wanted = snippet.strip().strip("\"'“”‘’«»").strip()
    if not any(character.isalnum() for character in wanted):
        return None
    for document in documents:
        start = document.text.find(wanted)
        if start >= 0:
            return _span(document, start, start + len(wanted), 1.0), "exact"
    normal, _ = _normalised(wanted)
    texts = [_normalised(document.text) for document in documents]
    for document, (text, places) in zip(documents, texts, strict=True):
        start = text.find(normal)
        if normal and start >= 0:
            return _span(document, places[start], places[start + len(normal) - 1] + 1, 1.0), "normalised"
    return _nearly(normal, documents, texts, fuzzy) if len(normal) >= LEAST_FUZZY else None


def _nearly(
    normal: str, documents: Sequence[Document], texts: Sequence[tuple[str, list[int]]], fuzzy: float
) -> tuple[SourceSpan, str] | None:
    try:
        from rapidfuzz import fuzz  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(
            f'the method prompting needs rapidfuzz ({error}): pip install "counterfoil[locate]"'
        ) from error
    best = None
    for document, (text, places) in zip(documents, texts, strict=True):
        # What is shorter than the snippet would be looked for in it, and not the other way round.
        match = fuzz.partial_ratio_alignment(normal, text, score_cutoff=fuzzy) if len(text) >= len(normal) else None
        if match is not None and match.dest_start < match.dest_end and (best is None or match.score > best[0]):
            best = match.score, document, places[match.dest_start], places[match.dest_end - 1] + 1
    if best is None:
        return None
    score, document, start, end = best
    return _span(document, start, end, score / 100), "fuzzy"


def _span(document: Document, start: int, end: int, score: float) -> SourceSpan:
    start, end, _ = snapped(document.text, start, end)
    return SourceSpan.of(document, start, end, score)


def _normalised(text: str) -> tuple[str, list[int]]:
    """Return letters and digits in one case with single spaces between the words, and where in `text` each stands."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for plain in unicodedata.normalize("NFKD", character).casefold():
            if plain.isalnum():
                kept.append(plain)
                places.append(place)
            elif kept and kept[-1] != " " and not unicodedata.combining(plain):
                kept.append(" ")
                places.append(place)
    while kept and kept[-1] == " ":
        kept.pop()
        places.pop()
    return "".join(kept), places
