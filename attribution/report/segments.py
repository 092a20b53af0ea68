"""A text cut wherever a span begins or ends, so that overlapping spans can be marked in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Marked(NamedTuple):
    """A half-open range of a text and the name of what lies there."""

    start: int
    end: int
    key: str


@dataclass(frozen=True)
class Segment:
    """A piece of a text that is covered by the same spans throughout.

    Args:
        start: First code point.
        end: One past the last.
        text: What stands between.
        keys: Names of the spans that cover it, in the order in which they were given.
        begins: Those of them that begin here.
        ends: Those of them that end here.
    """

    start: int
    end: int
    text: str
    keys: tuple[str, ...]
    begins: tuple[str, ...]
    ends: tuple[str, ...]


def segments(text: str, spans: Iterable[Marked]) -> list[Segment]:
    """Cuts `text` at the ends of `spans`.

    Args:
        text: Any text.
        spans: Ranges within it; empty ones mark nothing.

    Returns:
        Segments that give the text when joined.

    Raises:
        ValueError: A span reaches outside the text.
    """
    marked = [span for span in spans if span.start < span.end]
    for span in marked:
        if span.start < 0 or span.end > len(text):
            raise ValueError(f"`spans` have to lie within the {len(text)} characters of the text, but one is {span}")
    cuts = sorted({0, len(text), *(span.start for span in marked), *(span.end for span in marked)})
    found = []
    for start, end in itertools.pairwise(cuts):
        here = [span for span in marked if span.start <= start and end <= span.end]
        begins = tuple(span.key for span in here if span.start == start)
        ends = tuple(span.key for span in here if span.end == end)
        found.append(Segment(start, end, text[start:end], tuple(span.key for span in here), begins, ends))
    return found
