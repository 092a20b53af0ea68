"""Contrastive decoding: rules, views, processors and loops.

Names are loaded when first used: `counterfoil.decoding.rules` stays importable with torch alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loops import batched_views, contrastive_search
    from .processors import (
        CADLogitsProcessor,
        CIDLogitsProcessor,
        ContrastiveDecodingLogitsProcessor,
        ContrastiveSearchLogitsProcessor,
        ContrastLogitsProcessor,
        DoLaLogitsProcessor,
    )
    from .views import CutContext, EarlyExit, OtherPrompt, SamePrompt

__all__ = [
    "CADLogitsProcessor",
    "CIDLogitsProcessor",
    "ContrastLogitsProcessor",
    "ContrastiveDecodingLogitsProcessor",
    "ContrastiveSearchLogitsProcessor",
    "CutContext",
    "DoLaLogitsProcessor",
    "EarlyExit",
    "OtherPrompt",
    "SamePrompt",
    "batched_views",
    "contrastive_search",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "processors" if name.endswith("LogitsProcessor") else "loops" if name[0].islower() else "views"
    return getattr(import_module(f".{room}", __name__), name)


def __dir__() -> list[str]:
    return __all__
