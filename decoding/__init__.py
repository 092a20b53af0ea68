"""Contrastive decoding: rules, views, processors and loops."""

from __future__ import annotations

from .processors import CADLogitsProcessor, CIDLogitsProcessor

__all__ = ["CADLogitsProcessor", "CIDLogitsProcessor"]
