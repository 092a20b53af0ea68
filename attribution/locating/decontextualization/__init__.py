"""Decontextualization: from words of an answer to a claim that can be understood, located and checked alone."""

from __future__ import annotations

from .base import Claim, Decontextualizer, Verbatim
from .rules import Rules

__all__ = ["WAYS", "Claim", "Decontextualizer", "Rules", "Verbatim", "decontextualizer"]

WAYS = ("rules", "none")


def decontextualizer(way: Decontextualizer | str) -> Decontextualizer:
    """Return the decontextualizer of that name, or the one given.

    Raises:
        ValueError: If the name is not one of :data:`WAYS`.
    """
    if not isinstance(way, str):
        return way
    if way not in WAYS:
        raise ValueError(f"`decontextualize` has to be one of {', '.join(WAYS)} or a Decontextualizer, but is {way!r}")
    return Verbatim() if way == "none" else Rules()
