"""For the commands of `eval` until they are click commands."""

from __future__ import annotations


def quieten() -> None:
    """Do nothing: the entry point keeps the libraries quiet."""
