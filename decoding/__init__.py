"""Contrastive decoding: rules, views, processors and loops."""

from __future__ import annotations

from .processors import (
    CADLogitsProcessor,
    CIDLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    ContrastLogitsProcessor,
    DoLaLogitsProcessor,
)
from .views import CutContext, EarlyExit, OtherPrompt, SamePrompt

__all__ = [
    "CADLogitsProcessor",
    "CIDLogitsProcessor",
    "ContrastLogitsProcessor",
    "ContrastiveDecodingLogitsProcessor",
    "CutContext",
    "DoLaLogitsProcessor",
    "EarlyExit",
    "OtherPrompt",
    "SamePrompt",
]
