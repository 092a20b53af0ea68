"""Citation and attribution scoring: which words of the source support which words of the answer."""

from __future__ import annotations

from .documents import Document, SourceSpan
from .entailment import EntailmentModel, Judgement, Pair, load_entailment
from .locating import Locator, locate
from .locating.results import Attribution, Kind
from .scoring.cite import CitedAnswer, cite
from .scoring.results import Citation, CitationReport, StatementVerdict
from .scoring.score import Answer, Scoring, score_citations, score_each
from .text.statements import Status

__all__ = [
    "Answer",
    "Attribution",
    "Citation",
    "CitationReport",
    "CitedAnswer",
    "Document",
    "EntailmentModel",
    "Judgement",
    "Kind",
    "Locator",
    "Pair",
    "Scoring",
    "SourceSpan",
    "StatementVerdict",
    "Status",
    "cite",
    "load_entailment",
    "locate",
    "score_citations",
    "score_each",
]
