"""Citation and attribution scoring: which words of the source support which words of the answer."""

from __future__ import annotations

from .attributions import Attribution, Kind
from .citing import CitedAnswer, cite
from .documents import Document, SourceSpan
from .entailment import EntailmentModel, Judgement, Pair, load_entailment
from .locating import Locator, locate
from .scoring import Answer, Scoring, score_citations, score_each
from .statements import Status
from .verdicts import Citation, CitationReport, StatementVerdict

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
