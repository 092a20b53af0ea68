"""The page on which a person checks an answer against its sources."""

from __future__ import annotations

from .page import render, write_report
from .record import AnswerRecord, Report, TraceSpan

__all__ = ["AnswerRecord", "Report", "TraceSpan", "render", "write_report"]
