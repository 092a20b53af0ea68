"""Citation and attribution scoring: which words of the source support which words of the answer."""

from __future__ import annotations

from .documents import Document, SourceSpan
from .entailment import EntailmentModel, Judgement, Pair

__all__ = ["Document", "EntailmentModel", "Judgement", "Pair", "SourceSpan"]
