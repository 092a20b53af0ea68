"""The methods as logits processors, for `generate(logits_processor=[...])`."""

from __future__ import annotations

from .base import ContrastLogitsProcessor
from .cad import CADLogitsProcessor
from .cid import CIDLogitsProcessor
from .contrastive_decoding import ContrastiveDecodingLogitsProcessor
from .contrastive_search import ContrastiveSearchLogitsProcessor
from .dola import DoLaLogitsProcessor

__all__ = [
    "CADLogitsProcessor",
    "CIDLogitsProcessor",
    "ContrastLogitsProcessor",
    "ContrastiveDecodingLogitsProcessor",
    "ContrastiveSearchLogitsProcessor",
    "DoLaLogitsProcessor",
]
