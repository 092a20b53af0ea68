"""How much of each document a page holds: what is cited, what was read, and the rest as far as there is room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..documents import Document
from ..text.markers import Range

CONTEXT = 400
"""Characters that stay on either side of a passage whose document has to be cut."""


@dataclass(frozen=True)
class Wanted:
    """A document and what a page needs of it.

    Args:
        document: The whole document.
        cited: Ranges that answers rest on; they always stay.
        read: Ranges that the model was given.
    """

    document: Document
    cited: tuple[Range, ...]
    read: tuple[Range, ...]


def fitted(wanted: Sequence[Wanted], room: int) -> list[tuple[Range, ...]]:
    """The ranges of each document that a page holds.

    Everything where it fits. Else the cited passages with :data:`CONTEXT` characters around each; then, as long as
    there is room, whole documents: the cited ones, those that were read, the others.

    Args:
        wanted: The documents, in their order.
        room: How many characters the page may hold; the cited passages stay even where they are more.

    Returns:
        For each document ranges in order, without overlap; none for a document that is left out.
    """
    held = [widened(each.cited, len(each.document.text)) for each in wanted]
    room -= sum(map(_length, held))
    order = sorted(range(len(wanted)), key=lambda n: (not wanted[n].cited, not wanted[n].read))
    for n in order:
        length = len(wanted[n].document.text)
        read = widened([*wanted[n].cited, *wanted[n].read], length)
        for more in (((0, length),) if length else (), read):
            cost = _length(more) - _length(held[n])
            if cost <= room:
                held[n], room = more, room - cost
                break
    return held


def widened(ranges: Iterable[Range], length: int, by: int = CONTEXT) -> tuple[Range, ...]:
    """The ranges with `by` characters on either side, as far as the text of `length` goes; neighbours become one."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        start, end = max(0, first - by), min(length, last + by)
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return tuple(joined)


def _length(ranges: Iterable[Range]) -> int:
    return sum(end - start for start, end in ranges)
