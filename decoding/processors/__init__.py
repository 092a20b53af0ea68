"""The methods as logits processors, for `generate(logits_processor=[...])`."""

from __future__ import annotations

from .base import ContrastLogitsProcessor
from .cad import CADLogitsProcessor
from .cid import CIDLogitsProcessor
from .code import CODELogitsProcessor
from .contrastive_decoding import ContrastiveDecodingLogitsProcessor
from .dola import DoLaLogitsProcessor
from .m3id import M3IDLogitsProcessor
from .ritual import RITUALLogitsProcessor
from .vcd import VCDLogitsProcessor

__all__ = [
    "CADLogitsProcessor",
    "CIDLogitsProcessor",
    "CODELogitsProcessor",
    "ContrastLogitsProcessor",
    "ContrastiveDecodingLogitsProcessor",
    "DoLaLogitsProcessor",
    "M3IDLogitsProcessor",
    "RITUALLogitsProcessor",
    "VCDLogitsProcessor",
]
