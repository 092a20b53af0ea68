"""Entailment models behind one protocol."""

from __future__ import annotations

from .base import EntailmentModel, Judgement, Pair
from .registry import NAMES, load_entailment

__all__ = ["NAMES", "EntailmentModel", "Judgement", "Pair", "load_entailment"]
