"""The page on which a person checks answers against their sources."""

from __future__ import annotations

from .corpus import CorpusPage
from .opening import Opened, opened
from .page import render, write_report
from .record import AnswerRecord, Figure, Report, Summary, TraceSpan

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
