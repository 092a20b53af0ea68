"""Decoding and attribution joined: a question and documents in, an answer with checked citations out."""

from __future__ import annotations

from .engine import Engine, Generated, Limits, Prompt
from .question_answering import Retriever, answer
from .results import CheckedAnswer, GroundedAnswer

__all__ = [
    "CheckedAnswer",
    "Engine",
    "Generated",
    "GroundedAnswer",
    "Limits",
    "Prompt",
    "Retriever",
    "answer",
]
