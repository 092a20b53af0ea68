"""The methods as logits processors, for `generate(logits_processor=[...])`."""

from __future__ import annotations

from .base import ContrastLogitsProcessor
from .cad import CADLogitsProcessor
from .cid import CIDLogitsProcessor

__all__ = ["CADLogitsProcessor", "CIDLogitsProcessor", "ContrastLogitsProcessor"]
