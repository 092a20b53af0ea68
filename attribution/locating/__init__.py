"""Locating: from any words of an answer to the words of the sources that support them (LAQuer)."""

from __future__ import annotations

from .locator import Locator, locate
from .registry import METHODS

__all__ = ["METHODS", "Locator", "locate"]
