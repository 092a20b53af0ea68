"""Citation markers in an answer: `[1]`, `[1][2]`, `[1, 2]`, `[1-3]`, and where they stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

Range = tuple[int, int]

MAX_RANGE = 20
"""A range of more documents than this names none: nobody means twenty-one sources for one statement."""

# Four digits are a year. Three are far above any number of passages that a prompt holds.
_NUMBER = r"\d{1,3}"
_PART = rf"{_NUMBER}(?:\s*[-–—]\s*{_NUMBER})?"
_MARKER = re.compile(rf"\[\s*{_PART}(?:\s*[,;]\s*{_PART})*\s*\]", re.ASCII)
_RANGE = re.compile(rf"({_NUMBER})\s*[-–—]\s*({_NUMBER})", re.ASCII)
# A number in brackets is no citation in code, in a Markdown link or image, or in a link's definition.
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|!?\[[^\[\]\n]*\]\([^()\s]*\)|^[ \t]*\[[^\[\]\n]*\]:[ \t]*\S+",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Marker:
    """One pair of brackets.

    Args:
        start: Where the opening bracket stands.
        end: One past the closing bracket.
        text: The marker itself.
        ids: The numbers it names, in order, ranges written out, repetitions kept; numbers of documents that do not
            exist are among them.
        broken: The parts that name no number: ranges that run backwards or are wider than :data:`MAX_RANGE`.
    """

    start: int
    end: int
    text: str
    ids: tuple[int, ...]
    broken: tuple[str, ...] = ()


def markers(text: str) -> list[Marker]:
    """The citation markers of `text`, in order.

    `[2019]` and `[1990-2000]` are years, and `[1](https://...)`, `` `a[1]` `` and `[1]: https://...` are links and
    code; none of them is a marker.
    """
    elsewhere = [match.span() for match in _NOT_PROSE.finditer(text)]
    begins = [start for start, _ in elsewhere]

    def in_prose(position: int) -> bool:
        before = bisect_right(begins, position) - 1
        return before < 0 or position >= elsewhere[before][1]

    return [_read(match) for match in _MARKER.finditer(text) if in_prose(match.start())]


def _read(match: re.Match[str]) -> Marker:
    ids: list[int] = []
    broken: list[str] = []
    for part in re.split(r"[,;]", match.group()[1:-1]):
        limits = _RANGE.fullmatch(part.strip())
        if limits is None:
            ids.append(int(part))
            continue
        first, last = int(limits[1]), int(limits[2])
        if first <= last < first + MAX_RANGE:
            ids.extend(range(first, last + 1))
        else:
            broken.append(part.strip())
    return Marker(match.start(), match.end(), match.group(), tuple(ids), tuple(broken))


def cuts(text: str, found: Sequence[Marker]) -> list[Range]:
    """The ranges of `text` to leave out so that no marker, and nothing that only belongs to markers, is left.

    That is the markers themselves, the white space before them, and the commas between neighbouring ones.
    """
    ranges: list[Range] = []
    for marker in found:
        behind = ranges[-1][1] if ranges else 0
        gap = text[behind : marker.start]
        if ranges and gap.strip() in {"", ",", ";"} and "\n" not in gap:
            ranges[-1] = (ranges[-1][0], marker.end)
        else:
            ranges.append((behind + len(gap.rstrip()), marker.end))
    return ranges


def kept(start: int, end: int, left_out: Sequence[Range]) -> tuple[Range, ...]:
    """The parts of `[start, end)` that lie in none of the ranges `left_out`, which are in order and do not overlap."""
    parts = []
    for cut_start, cut_end in [*left_out, (end, end)]:
        if cut_end <= start:
            continue
        if min(cut_start, end) > start:
            parts.append((start, min(cut_start, end)))
        start = max(start, cut_end)
    return tuple(parts)


def without_markers(text: str) -> str:
    """`text` without its markers, the white space before them, and the commas between neighbouring ones."""
    # What stands around a marker may be one without it: `[1 [2], 3]`.
    while found := markers(text):
        text = "".join(text[start:end] for start, end in kept(0, len(text), cuts(text, found)))
    return text
