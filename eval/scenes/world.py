"""Which things stand together: a world with partners and its twin without."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .objects import NAMES, PARTNER, PARTNERS, WEIGHTS

Twin = Literal["biased", "unbiased"]
TWINS: tuple[Twin, ...] = ("biased", "unbiased")

GROUPS = (0.3, 0.45, 0.25)
"""How often a scene is made of one, two or three pairs of partners."""

TOGETHER = 0.8
"""How often both partners of a pair are there; else one of them is missing."""


def objects_together(twin: Twin, draw: np.random.Generator) -> tuple[str, ...]:
    """The things of one scene, in random order.

    In the biased world a thing has its partner beside it in `TOGETHER / (TOGETHER + (1 - TOGETHER) / 2)`, that is 89 %,
    of its scenes. The unbiased world has scenes of the same sizes and the same common and rare things, drawn one by
    one.

    Args:
        twin: `"biased"` or `"unbiased"`.
        draw: Source of randomness.

    Returns:
        One to six names of :data:`.objects.NAMES`.
    """
    found = _paired(draw)
    if twin == "unbiased":
        weights = np.repeat(WEIGHTS, 2)
        found = list(draw.choice(NAMES, size=len(found), replace=False, p=weights / weights.sum()))
    draw.shuffle(found)
    return tuple(map(str, found))


def lone(objects: tuple[str, ...]) -> list[str]:
    """The partners that are missing: what a biased model would see where it is not."""
    return [PARTNER[name] for name in objects if PARTNER[name] not in objects]


def _paired(draw: np.random.Generator) -> list[str]:
    weights = np.array(WEIGHTS)
    groups = 1 + draw.choice(len(GROUPS), p=GROUPS)
    chosen = draw.choice(len(PARTNERS), size=groups, replace=False, p=weights / weights.sum())
    found: list[str] = []
    for pair in chosen:
        both = list(PARTNERS[pair])
        found += both if draw.random() < TOGETHER else [both[draw.integers(2)]]
    return found
