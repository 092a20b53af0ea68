"""Localisation: from any words of an answer to the words of the sources that support them (LAQuer)."""

from __future__ import annotations

from .locator import METHODS, Locator, locate

__all__ = ["METHODS", "Locator", "locate"]
