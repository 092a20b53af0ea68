"""Loops: callables for `generate(custom_generate=...)` that run all views of a token in one forward."""

from __future__ import annotations

from .batched_views import batched_views
from .contrastive_search import contrastive_search

__all__ = ["batched_views", "contrastive_search"]
