"""Cells of Markdown tables as claims: what a cell says stands in the titles of its column and of its row as well."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...text.markdown import parser
from ...text.markers import Range
from ...text.plain_text import plain_text
from ..results import Resolution
from ..spans import with_stop
from . import clauses
from .base import Claim, text_of, unmarked

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_BAR = re.compile(r"(?<!\\)\|")
_STOPPED = re.compile(r"[.!?。！？][\"'”’»)\]*_]*\s*\Z")


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        titles: Where the titles of the columns stand.
        cells: Where the cells stand, without white space; the first names the row.
    """

    titles: tuple[Range, ...]
    cells: tuple[Range, ...]

    @property
    def start(self) -> int:
        """Return where its first cell begins."""
        return self.cells[0][0]

    @property
    def end(self) -> int:
        """Return where its last cell ends."""
        return self.cells[-1][1]


def row_at(answer: str, start: int, end: int) -> Row | None:
    """Return the row of a table that holds `[start, end)`, `None` if it lies in none or in several."""
    found = _rows(answer)
    number = bisect_right(found, start, key=lambda row: row.start) - 1
    return found[number] if number >= 0 and end <= found[number].end else None


def cell_claim(answer: str, row: Row, start: int, end: int) -> Claim:
    """Return the claim of `[start, end)`, which lies in the cells of one row.

    A cell that makes a sentence is one. Any other is said of the row's first cell, under the title of its column: the
    cell `31 m` of the row `North tower` under `Height` is "North tower: Height 31 m."
    """
    chosen = [n for n, (first, last) in enumerate(row.cells) if first < end and start < last]
    chosen = chosen or [0]
    sentences = [n for n in chosen if _says(answer, row.cells[n])]
    told = sentences or ([n for n in chosen if n > 0] or chosen)
    parts = [row.cells[n] for n in told]
    pieces, resolutions = [], []
    for n in told:
        title = row.titles[n] if n < len(row.titles) and not sentences and n > 0 else None
        head = f"{_shown(answer, title)} " if title and _shown(answer, title) else ""
        pieces.append(f"{head}{_shown(answer, row.cells[n])}")
        if head and title:
            place = row.cells[n][0]
            resolutions.append(Resolution(place, place, _shown(answer, title), "answer", *title))
    text = ", ".join(pieces)
    if not sentences and 0 not in told and (name := _shown(answer, row.cells[0])):
        text = f"{name}: {text}"
        resolutions.insert(0, Resolution(parts[0][0], parts[0][0], name, "answer", *row.cells[0]))
    unmarked_parts = unmarked(answer, parts)
    taken = tuple((r.found_start, r.found_end) for r in resolutions)
    words = text_of(answer, unmarked_parts)
    note = "read as a cell of its row and column" if resolutions else ""
    return Claim(with_stop(text), tuple(dict.fromkeys([*taken, *unmarked_parts])), words, tuple(resolutions), note)


def _says(answer: str, cell: Range) -> bool:
    """Tell whether a cell makes a sentence: several words with a verb behind a subject, or with a full stop."""
    text = _shown(answer, cell)
    return len(text.split()) > 3 and (clauses.verb(text) is not None or bool(_STOPPED.search(text)))


def _shown(answer: str, cell: Range) -> str:
    return plain_text(text_of(answer, unmarked(answer, [cell])))


@lru_cache(maxsize=64)
def _rows(answer: str) -> tuple[Row, ...]:
    if "|" not in answer:
        return ()
    lines = [match.span() for match in _LINE.finditer(answer)]
    found: list[Row] = []
    titles: tuple[Range, ...] = ()
    in_titles = False
    for token in parser().parse(answer):
        if token.type in {"thead_open", "thead_close"}:
            in_titles = token.type == "thead_open"
        if token.type == "tr_open" and token.map is not None:
            cells = _cells(answer, *lines[token.map[0]])
            if in_titles:
                titles = cells
            elif cells:
                found.append(Row(titles, cells))
    return tuple(found)


def _cells(answer: str, start: int, end: int) -> tuple[Range, ...]:
    """Return where the cells of a line stand; empty ones have no length."""
    line = answer[start:end]
    inside = line.lstrip(" \t>")
    begin = start + len(line) - len(inside)
    inside = inside.rstrip()
    edges = [begin, *(begin + match.end() for match in _BAR.finditer(inside))]
    stops = [*(begin + match.start() for match in _BAR.finditer(inside)), begin + len(inside)]
    cells = [_stripped(answer, first, last) for first, last in zip(edges, stops, strict=True)]
    if inside.startswith("|"):
        cells = cells[1:]
    return tuple(cells[:-1] if inside.endswith("|") and cells else cells)


def _stripped(answer: str, start: int, end: int) -> Range:
    piece = answer[start:end]
    left = start + len(piece) - len(piece.lstrip())
    return left, max(left, start + len(piece.rstrip()))


def claim_of_cells(answer: str, ranges: Sequence[Range]) -> Claim | None:
    """Return the claim of words in cells of one row, `None` if they stand elsewhere."""
    row = row_at(answer, ranges[0][0], ranges[-1][1]) if ranges else None
    return None if row is None else cell_claim(answer, row, ranges[0][0], ranges[-1][1])
