"""Entailment models: does a premise support a hypothesis, and how surely?"""

from __future__ import annotations

from .base import EntailmentModel, Judgement, Pair
from .registry import JUDGES, load_entailment

__all__ = ["JUDGES", "EntailmentModel", "Judgement", "Pair", "load_entailment"]
