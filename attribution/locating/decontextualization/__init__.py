"""Decontextualization: from words of an answer to a claim that can be understood, located and checked alone."""

from __future__ import annotations

from .base import Claim, Decontextualizer, Verbatim, decontextualizer

__all__ = ["Claim", "Decontextualizer", "Verbatim", "decontextualizer"]
