"""Decoding and attribution joined: a question and documents in, an answer with checked citations out."""

from __future__ import annotations

from .engine import Engine, Generated, Limits, Prompt, Written
from .question_answering import Retriever, answer
from .results import AnswerBegun, CheckedAnswer, GroundedAnswer, GroundedSentence, TextWritten
from .streaming import AnswerStream, stream

__all__ = [
    "AnswerBegun",
    "AnswerStream",
    "CheckedAnswer",
    "Engine",
    "Generated",
    "GroundedAnswer",
    "GroundedSentence",
    "Limits",
    "Prompt",
    "Retriever",
    "TextWritten",
    "Written",
    "answer",
    "stream",
]
