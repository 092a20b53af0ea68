"""Entailment models behind one protocol."""

from __future__ import annotations

from .protocol import EntailmentModel, Judgement, Pair

__all__ = ["EntailmentModel", "Judgement", "Pair"]
