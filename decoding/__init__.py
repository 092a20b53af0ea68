"""Contrastive decoding: rules, views, processors and loops.

Names are loaded when first used: `counterfoil.decoding.rules` stays importable with torch alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .images import Transform, forget_descriptions, image_inputs
    from .in_context import ContrastiveExample, analysing_messages, contrasting_messages
    from .loops import batched_views, contrastive_search
    from .processors import (
        CADLogitsProcessor,
        CIDLogitsProcessor,
        CODELogitsProcessor,
        ContrastiveDecodingLogitsProcessor,
        ContrastiveSearchLogitsProcessor,
        ContrastLogitsProcessor,
        DoLaLogitsProcessor,
        M3IDLogitsProcessor,
        RITUALLogitsProcessor,
        VCDLogitsProcessor,
    )
    from .views import CutContext, EarlyExit, OtherPrompt, SamePrompt

_ROOM = {
    "ContrastiveExample": "in_context",
    "analysing_messages": "in_context",
    "contrasting_messages": "in_context",
    "batched_views": "loops",
    "contrastive_search": "loops",
    "CADLogitsProcessor": "processors",
    "CIDLogitsProcessor": "processors",
    "CODELogitsProcessor": "processors",
    "ContrastLogitsProcessor": "processors",
    "ContrastiveDecodingLogitsProcessor": "processors",
    "ContrastiveSearchLogitsProcessor": "processors",
    "DoLaLogitsProcessor": "processors",
    "M3IDLogitsProcessor": "processors",
    "RITUALLogitsProcessor": "processors",
    "Transform": "images",
    "VCDLogitsProcessor": "processors",
    "forget_descriptions": "images",
    "image_inputs": "images",
    "CutContext": "views",
    "EarlyExit": "views",
    "OtherPrompt": "views",
    "SamePrompt": "views",
}

__all__ = [
    "CADLogitsProcessor",
    "CIDLogitsProcessor",
    "CODELogitsProcessor",
    "ContrastLogitsProcessor",
    "ContrastiveDecodingLogitsProcessor",
    "ContrastiveExample",
    "ContrastiveSearchLogitsProcessor",
    "CutContext",
    "DoLaLogitsProcessor",
    "EarlyExit",
    "M3IDLogitsProcessor",
    "OtherPrompt",
    "RITUALLogitsProcessor",
    "SamePrompt",
    "Transform",
    "VCDLogitsProcessor",
    "analysing_messages",
    "batched_views",
    "contrasting_messages",
    "contrastive_search",
    "forget_descriptions",
    "image_inputs",
]


def __getattr__(name: str) -> object:
    if name not in _ROOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOM[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
