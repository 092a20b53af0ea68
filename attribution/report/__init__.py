"""The page on which a person checks answers against their sources."""

from __future__ import annotations

from .corpus import CorpusPage
from .model import AnswerRecord, Figure, Report, Summary, TraceSpan
from .read import SavedReports, read_reports
from .render import render, write_report

__all__ = [
    "AnswerRecord",
    "CorpusPage",
    "Figure",
    "Report",
    "SavedReports",
    "Summary",
    "TraceSpan",
    "read_reports",
    "render",
    "write_report",
]
