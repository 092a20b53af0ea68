"""Which prompts are read in one forward, and what they share: decided from lengths and ids alone.

A forward costs about as much as the tokens in it, padding included, and a fixed amount: reading the weights on a CPU,
launching the kernels on a GPU. So prompts of unlike length are read apart, unless so little padding joins them that a
forward more would cost as much; and a beginning that they share is read once, if that saves more than it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

FORWARD_IN_TOKENS = {"cpu": 8}
"""By type of device: how many more tokens in a forward cost as much as another forward. SmolLM2-135M on one core of a
CPU reads its weights in the time of about ten of a thousand tokens."""
FORWARD_IN_TOKENS_ELSEWHERE = 256
"""The same on other devices, where launching a forward of some hundred tokens takes longer than computing it."""
LEAST_SAVING = 6
"""A shared beginning is read by itself if that saves the tokens of so many forwards: it costs one more, and copies."""

Groups = tuple[tuple[int, ...], ...]
"""Positions of prompts: those of one group are read in one forward."""


@dataclass(frozen=True)
class SharedPrefix:
    """Tokens that the rows begin with.

    Attributes:
        length: How many tokens of each row are read once for all rows that begin with them.
        source: For each row, the row whose beginning is read in its place.
    """

    length: int
    source: tuple[int, ...]


def forward_in_tokens(device: str) -> int:
    """Return how many tokens more in a forward cost as much as another forward, on a type of device."""
    return FORWARD_IN_TOKENS.get(device, FORWARD_IN_TOKENS_ELSEWHERE)


def groupings(widths: Sequence[int], rows: int, allowance: int) -> list[Groups]:
    """Return the ways of reading prompts together and apart, the cheapest first; all in one forward is among them.

    Args:
        widths: Columns of each prompt, the main one first.
        rows: How many rows each has.
        allowance: How many tokens of padding may be read to save a forward.
    """
    joined: list[list[int]] = []
    padding = 0
    for prompt in sorted(range(len(widths)), key=lambda prompt: -widths[prompt]):
        missing = (widths[joined[-1][0]] - widths[prompt]) * rows if joined else 0
        if joined and padding + missing <= allowance:
            joined[-1].append(prompt)
            padding += missing
        else:
            joined.append([prompt])
            padding = 0
    apart = [[prompt for prompt, own in enumerate(widths) if own == width] for width in dict.fromkeys(widths)]
    together = [list(range(len(widths)))]
    found = [tuple(sorted(tuple(sorted(group)) for group in groups)) for groups in (joined, apart, together)]
    return list(dict.fromkeys(found))


def is_padded(groups: Groups, widths: Sequence[int]) -> bool:
    """Return whether prompts of unlike width are read in one forward."""
    return any(len({widths[prompt] for prompt in group}) > 1 for group in groups)


def shared_prefix(rows: Sequence[Sequence[int]], padding: Sequence[int], least: int) -> SharedPrefix | None:
    """Return the beginning that is worth reading by itself; `None` if none is.

    Every row keeps at least its last token. Rows that are padded more than the least padded one beside them use as much
    less of the beginning, so that all rows of a forward go on from the same column.

    Args:
        rows: The tokens of each row, without padding.
        padding: How many columns more than the least padded row of its forward each has.
        least: How many tokens have to be saved.
    """
    longest = min(map(len, rows)) - 1
    order = sorted(range(len(rows)), key=lambda row: list(rows[row]))
    common = [min(_common(rows[a], rows[b]), longest) for a, b in pairwise(order)]
    best, saved = 0, 0
    for length in sorted({length for length in common if length}):
        read = 1 + sum(own < length for own in common)
        saving = sum(max(0, length - own) for own in padding) - read * length
        if saving > saved:
            best, saved = length, saving
    if not best or saved < least:
        return None
    source = {order[0]: order[0]}
    for (before, row), own in zip(pairwise(order), common, strict=True):
        source[row] = source[before] if own >= best else row
    return SharedPrefix(best, tuple(source[row] for row in range(len(rows))))


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
