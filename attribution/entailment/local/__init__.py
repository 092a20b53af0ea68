"""The default entailment model, its shipped adapter and its model card."""

from __future__ import annotations

from .model import LocalEntailment

__all__ = ["LocalEntailment"]
