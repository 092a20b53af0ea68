"""The words of a document that support a statement: the fewest neighbouring sentences that still do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..documents import Document, SourceSpan
from ..entailment import Judgement, Pair
from ..entailment.batching import Steps, together
from ..text.segmentation import TextSpan, sentences
from ..text.statements import Status
from .premises import Evidence
from .results import Citation, StatementVerdict, supports

MAX_SENTENCES = 3
"""The widest window of neighbouring sentences that is tried."""


def quoted(
    verdict: StatementVerdict, documents: Sequence[Document], threshold: float, evidence: Evidence
) -> Steps[StatementVerdict]:
    """`verdict` with a passage of the document for each of its citations that support."""
    by_id = {document.id: document for document in documents}

    def passage(citation: Citation) -> Steps[Citation]:
        if citation.status is not Status.SUPPORTED or citation.document is None:
            return citation
        span = yield from quote(by_id[citation.document], verdict.text, threshold, evidence)
        if span is None:
            return citation
        return replace(citation, start=span.start, end=span.end, quote=span.quote)

    citations = yield from together(passage(citation) for citation in verdict.citations)
    return replace(verdict, citations=tuple(citations))


def quote(document: Document, statement: str, threshold: float, evidence: Evidence) -> Steps[SourceSpan | None]:
    """The shortest run of at most :data:`MAX_SENTENCES` sentences of `document` that supports `statement`.

    Runs of one sentence are tried first, then of two, and so on; among equally long ones the most probable is taken.
    Where none supports, because the statement needs other documents as well or sentences that stand far apart, it is
    the single most probable sentence. In a document longer than the model's window only that window is searched in
    which the model found the most support.

    Returns:
        The span with its own probability, or `None` where the document has no sentence or the model failed.
    """
    (whole,) = yield [Pair(evidence.premise([document]), statement)]
    pieces = _searched(document, whole, evidence)
    best: SourceSpan | None = None
    for size in range(1, min(MAX_SENTENCES, len(pieces)) + 1):
        runs = [(pieces[n].start, pieces[n + size - 1].end) for n in range(len(pieces) - size + 1)]
        premises = [evidence.premise([replace(document, text=document.text[a:b])]) for a, b in runs]
        judged = yield [Pair(premise, statement) for premise in premises]
        top = _top(document, runs, judged)
        if top is not None and supports(Judgement(top.score), threshold):
            return top
        best = best or top
    return best


def _searched(document: Document, whole: Judgement, evidence: Evidence) -> list[TextSpan]:
    pieces = sentences(document.text)
    if whole.chunk is None:
        return pieces
    start, end = (place - evidence.body(document) for place in whole.chunk)
    inside = [piece for piece in pieces if piece.start < end and piece.end > start]
    return inside or pieces


def _top(document: Document, runs: Sequence[tuple[int, int]], judged: Sequence[Judgement]) -> SourceSpan | None:
    """The most probable run, the first of equals."""
    scored = [(j.supported, run) for run, j in zip(runs, judged, strict=True) if j.supported is not None]
    if not scored:
        return None
    score, (start, end) = max(scored, key=lambda entry: (entry[0], -entry[1][0]))
    return SourceSpan.of(document, start, end, score)
