"""Callables for `generate(custom_generate=...)` that run all views of a token in one forward."""

from __future__ import annotations

from .batched_views import batched_views, drafted_views

__all__ = ["batched_views", "drafted_views"]
