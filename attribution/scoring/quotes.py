"""Supporting passages: the fewest neighbouring sentences of a document that still support a statement."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..documents import Document, SourceSpan
from ..entailment import Judgement, Pair
from ..entailment.base import supports
from ..entailment.batching import Steps, together
from ..entailment.premises import PremiseFormat
from ..text.segmentation import TextSpan, sentences
from ..text.statements import Status
from .results import Citation, StatementVerdict

MAX_SENTENCES = 3
"""The widest run of neighbouring sentences that is tried."""

MAX_SINGLES = 32
"""How many sentences of a document are asked alone: those that share most words with the statement."""

MAX_SEEDS = 4
"""Around how many of them, the most probable, longer runs are tried."""

_WORD = re.compile(r"\w+")


def quoted(
    verdict: StatementVerdict, documents: Sequence[Document], threshold: float, form: PremiseFormat
) -> Steps[StatementVerdict]:
    """Return `verdict` with a passage of the document for each of its citations that support."""
    by_id = {document.id: document for document in documents}

    def passage(citation: Citation) -> Steps[Citation]:
        if citation.status is not Status.SUPPORTED or citation.document is None:
            return citation
        return citation.at(
            (
                yield from quote(
                    by_id[citation.document], verdict.claim or form.hypothesis(verdict.text), threshold, form
                )
            )
        )

    citations = yield from together(passage(citation) for citation in verdict.citations)
    return replace(verdict, citations=tuple(citations))


def quote(document: Document, statement: str, threshold: float, form: PremiseFormat) -> Steps[SourceSpan | None]:
    """Return the shortest run of at most :data:`MAX_SENTENCES` sentences of `document` that supports `statement`.

    Single sentences are tried first, then runs of two around the most probable ones, and so on; among equally long runs
    the most probable is taken. If none supports, because the statement needs other documents as well or sentences that
    stand far apart, it is the single most probable sentence. No run reaches across a gap of the document
    (:attr:`~counterfoil.attribution.documents.Document.gaps`). In a document longer than the model's window only that
    window is searched in which the model found the most support.

    Returns:
        The span with its own probability, or `None` if the document has no sentence or the model failed.
    """
    (whole,) = yield [Pair(form.premise([document]), statement)]
    pieces = _searched(document, whole, form)
    singles = _likeliest(pieces, statement)
    runs = [(n, 1) for n in singles]
    best: SourceSpan | None = None
    seeds: list[int] = []
    while runs:
        places = [(pieces[n].start, pieces[n + size - 1].end) for n, size in runs]
        premises = [form.premise([replace(document, text=document.text[a:b])]) for a, b in places]
        judged = yield [Pair(premise, statement) for premise in premises]
        top = _top(document, places, judged)
        if top is not None and supports(Judgement(top.score), threshold):
            return top
        best = best or top
        size = runs[0][1] + 1
        if size == 2:
            order = sorted(range(len(runs)), key=lambda n: -(judged[n].supported or 0.0))
            seeds = [runs[n][0] for n in order[:MAX_SEEDS]]
        runs = _runs(pieces, seeds, size, document.gaps) if size <= MAX_SENTENCES else []
    return best


def _searched(document: Document, whole: Judgement, form: PremiseFormat) -> list[TextSpan]:
    pieces = sentences(document.text)
    if whole.chunk is None:
        return pieces
    start, end = (place - form.body(document) for place in whole.chunk)
    inside = [piece for piece in pieces if piece.start < end and piece.end > start]
    return inside or pieces


def _likeliest(pieces: Sequence[TextSpan], statement: str) -> list[int]:
    """Return the numbers of the sentences that share most words with the statement, rare words counting more."""
    if len(pieces) <= MAX_SINGLES:
        return list(range(len(pieces)))
    wanted = set(_words(statement))
    held = [wanted.intersection(_words(piece.text)) for piece in pieces]
    times = Counter(word for words in held for word in words)
    weight = {word: math.log((1 + len(pieces)) / (0.5 + n)) for word, n in times.items()}
    order = sorted(range(len(pieces)), key=lambda n: -sum(weight[word] for word in held[n]))
    return sorted(order[:MAX_SINGLES])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(pieces: Sequence[TextSpan], seeds: Sequence[int], size: int, gaps: Sequence[int]) -> list[tuple[int, int]]:
    """Return the runs of `size` sentences that hold a seed and no gap: number of the first sentence, and size."""
    firsts = {first for seed in seeds for first in range(seed - size + 1, seed + 1)}
    return [
        (first, size)
        for first in sorted(firsts)
        if first >= 0
        and first + size <= len(pieces)
        and not any(pieces[first].start < gap < pieces[first + size - 1].end for gap in gaps)
    ]


def _top(document: Document, runs: Sequence[tuple[int, int]], judged: Sequence[Judgement]) -> SourceSpan | None:
    """Return the most probable run, the first of equals; `None` if the model gave no verdict."""
    scored = [(j.supported, run) for run, j in zip(runs, judged, strict=True) if j.supported is not None]
    if not scored:
        return None
    score, (start, end) = max(scored, key=lambda entry: (entry[0], -entry[1][0]))
    return SourceSpan.of(document, start, end, score)
