"""The page on which a person checks answers against their sources."""

from __future__ import annotations

from .corpus import CorpusPage
from .model import AnswerRecord, Figure, Report, Summary, TraceSpan
from .read import Opened, opened
from .render import render, write_report

__all__ = [
    "AnswerRecord",
    "CorpusPage",
    "Figure",
    "Opened",
    "Report",
    "Summary",
    "TraceSpan",
    "opened",
    "render",
    "write_report",
]
