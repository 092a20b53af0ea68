"""Contrastive decoding: rules, views, processors and loops.

Names are loaded when first used: `counterfoil.decoding.methods` stays importable with torch alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .generation import batched_views
    from .images import Transform, forget_descriptions, image_inputs
    from .processors import (
        CADLogitsProcessor,
        CIDLogitsProcessor,
        CODELogitsProcessor,
        ContrastiveDecodingLogitsProcessor,
        ContrastLogitsProcessor,
        DoLaLogitsProcessor,
        M3IDLogitsProcessor,
        RITUALLogitsProcessor,
        VCDLogitsProcessor,
    )
    from .prompts.contrastive_examples import ContrastiveExample, analysing_messages, contrasting_messages
    from .search.loop import contrastive_search
    from .search.processor import ContrastiveSearchLogitsProcessor
    from .views import CutContext, EarlyExit, OtherPrompt, SamePrompt

_ROOM = {
    "ContrastiveExample": "prompts.contrastive_examples",
    "analysing_messages": "prompts.contrastive_examples",
    "contrasting_messages": "prompts.contrastive_examples",
    "batched_views": "generation",
    "contrastive_search": "search.loop",
    "CADLogitsProcessor": "processors",
    "CIDLogitsProcessor": "processors",
    "CODELogitsProcessor": "processors",
    "ContrastLogitsProcessor": "processors",
    "ContrastiveDecodingLogitsProcessor": "processors",
    "ContrastiveSearchLogitsProcessor": "search.processor",
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
