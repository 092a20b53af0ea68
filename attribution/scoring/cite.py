"""Giving an answer its citations: for each sentence the fewest documents that support it, or none."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import regex

from ..documents import Document, as_documents
from ..entailment import EntailmentModel, Judgement, Pair
from ..entailment.base import bonferroni_threshold, supports
from ..entailment.batching import Steps, run, together
from ..entailment.detail_checked import detail_checked
from ..entailment.premises import STRICT
from ..entailment.registry import default_entailment
from ..locating.decontextualization import Decontextualizer, understood
from ..text.markers import without_markers
from ..text.statements import Statement, Status, statements
from .quotes import quote
from .results import Citation, StatementVerdict

SHORTLIST = 4
"""Sets of several documents are made from this many: those that support the sentence most, each alone."""

_FINAL_PUNCTUATION = regex.compile(
    r"\s*[\p{Sentence_Terminal}…‥]+[\"'”’»)\]*_~=]*(?:</[^<>]+>|<br\s*/?>|<!--.*?-->|\s)*\Z"
)
_CLOSING_TAGS = regex.compile(r"(?:</[^<>]+>|<br\s*/?>)+\Z")


@dataclass(frozen=True)
class CitedAnswer:
    """An answer with citations.

    Args:
        text: The answer with its markers; `[n]` is the n-th of `documents`, from 1.
        statements: Each sentence with its citations; the offsets are those of `text`.
        documents: The ids, in the order of their numbers.
        entailment: Name of the entailment model.
        threshold: From which probability on it counted as support.
    """

    text: str
    statements: tuple[StatementVerdict, ...]
    documents: tuple[str, ...]
    entailment: str
    threshold: float


def cite(
    answer: str,
    documents: Sequence[Document | str],
    *,
    entailment: EntailmentModel | None = None,
    threshold: float | None = None,
    max_documents: int = 3,
    detail_check: bool = True,
    question: str | None = None,
    decontextualize: Decontextualizer | str = "rules",
) -> CitedAnswer:
    """Attach to each sentence of `answer` the fewest documents that support it.

    One document is enough if one supports the sentence; the most probable is taken. If none does, pairs and then larger
    sets of the :data:`SHORTLIST` most probable ones are tried, whose threshold is the higher the more sets were tried.
    A sentence that no set supports stays uncited, and so do code, headings and reference lists.

    Markers stand before the final punctuation of the sentence (`It rained [1].`), where every sentence splitter leaves
    them with their sentence, and within the last cell of a table's row. Markers that the answer already has are taken
    out: citations are decided afresh.

    Args:
        answer: The answer.
        documents: The sources; a plain string becomes a document with its number as id.
        entailment: The model that judges; `None` for the local one.
        threshold: From which probability on it counts as support; `None` for the model's own.
        max_documents: The largest set that is tried, at least 1.
        detail_check: See :class:`~counterfoil.attribution.scoring.score.Scoring`.
        question: The question, if it is known.
        decontextualize: See :class:`~counterfoil.attribution.scoring.score.Scoring`.

    Raises:
        ValueError: If `max_documents` is below 1 or two documents have one id.
        TypeError: If `documents` is no sequence of documents or strings.
    """
    if max_documents < 1:
        raise ValueError(f"`max_documents` has to be at least 1, but is {max_documents}")
    model = detail_checked(entailment or default_entailment(), detail_check)
    threshold = model.threshold if threshold is None else threshold
    sources = as_documents(documents)
    clean = without_markers(answer)
    checks = (
        sentence_verdict(
            clean,
            sentence,
            sources,
            threshold=threshold,
            max_documents=max_documents,
            question=question,
            decontextualize=decontextualize,
        )
        for sentence in statements(clean, 0)
    )
    verdicts = run(together(checks), model.judge)
    text, placed = _marked(clean, verdicts)
    return CitedAnswer(text, placed, tuple(d.id for d in sources), model.name, threshold)


def sentence_verdict(
    answer: str,
    sentence: Statement,
    documents: Sequence[Document],
    *,
    threshold: float,
    max_documents: int = 3,
    question: str | None = None,
    decontextualize: Decontextualizer | str = "rules",
) -> Steps[StatementVerdict]:
    """Return the verdict on one sentence, with the citations of the smallest set that supports it, as :func:`cite`.

    Args:
        answer: The answer, or as much of it as there is: at least the sentence and what stands before it.
        sentence: One of its statements.
        documents: The sources; a citation's marker is the number of its document, from 1.
        threshold: From which probability on it counts as support.
        max_documents: The largest set that is tried, at least 1.
        question: The question, if it is known.
        decontextualize: See :class:`~counterfoil.attribution.scoring.score.Scoring`.
    """
    claim = understood(decontextualize, answer, (sentence.start, sentence.end), question)
    hypothesis = claim or STRICT.hypothesis(sentence.text)
    singles = yield [Pair(STRICT.premise([document]), hypothesis) for document in documents]
    chosen, judgement = _most_supporting([(n,) for n in range(len(documents))], singles)
    judged = [n for n in range(len(documents)) if singles[n].supported is not None]
    shortlist = sorted(judged, key=lambda n: (-(singles[n].supported or 0.0), n))[:SHORTLIST]
    tried = len(documents)
    for size in range(2, min(max_documents, len(shortlist)) + 1):
        if judgement is None or supports(judgement, threshold):
            break
        sets = [tuple(sorted(some)) for some in itertools.combinations(shortlist, size)]
        premises = [STRICT.premise([documents[n] for n in some]) for some in sets]
        together_judged = yield [Pair(premise, hypothesis) for premise in premises]
        larger, larger_judgement = _most_supporting(sets, together_judged)
        tried += len(sets)
        if larger_judgement is not None and supports(larger_judgement, bonferroni_threshold(threshold, tried)):
            chosen, judgement = larger, larger_judgement
            break
    verdict = StatementVerdict(sentence.text, sentence.start, sentence.end, Status.NOT_SUPPORTED, claim=claim)
    if judgement is None:
        failure = next((single.failure for single in singles), None)
        status = Status.NOT_CHECKED if failure else Status.NOT_SUPPORTED
        return replace(verdict, status=status, failure=failure)
    read = [documents[n] for n in chosen]
    verdict = replace(
        verdict,
        probability=judgement.supported,
        reason=judgement.reason,
        contradicted=judgement.contradicted,
        details=STRICT.details(judgement.details, read, hypothesis, sentence.text, sentence.place),
    )
    if not supports(judgement, threshold):
        return verdict
    cited = [_citation(n, documents[n], singles[n], hypothesis, threshold) for n in chosen]
    return replace(verdict, status=Status.SUPPORTED, citations=tuple((yield from together(cited))))


def _citation(number: int, document: Document, single: Judgement, statement: str, threshold: float) -> Steps[Citation]:
    citation = Citation(document.id, str(number + 1), Status.SUPPORTED, single.supported)
    return citation.at((yield from quote(document, statement, threshold, STRICT)))


def _most_supporting(
    sets: Sequence[tuple[int, ...]], judgements: Sequence[Judgement]
) -> tuple[tuple[int, ...], Judgement | None]:
    """Return the most probable set with its judgement, the first of equals; no judgement if none was made."""
    judged = [(j, some) for some, j in zip(sets, judgements, strict=True) if j.supported is not None]
    if not judged:
        return (), None
    judgement, some = max(judged, key=lambda entry: entry[0].supported or 0.0)
    return some, judgement


def _marked(text: str, verdicts: Sequence[StatementVerdict]) -> tuple[str, tuple[StatementVerdict, ...]]:
    """Return the text with the markers of the verdicts, and the verdicts with their places in it."""
    pieces: list[str] = []
    placed = []
    position = shift = 0
    for verdict in verdicts:
        start = verdict.start + shift
        marked = with_citation_markers(text[verdict.start : verdict.end], verdict.citations)
        pieces += [text[position : verdict.start], marked]
        position = verdict.end
        shift += len(marked) - (verdict.end - verdict.start)
        placed.append(verdict.moved_to(start, verdict.end + shift))
    return "".join([*pieces, text[position:]]), tuple(placed)


def with_citation_markers(sentence: str, citations: Sequence[Citation]) -> str:
    """Return a sentence with the markers of its citations before its final punctuation, else before closing tags."""
    if not citations:
        return sentence
    found = _FINAL_PUNCTUATION.search(sentence) or _CLOSING_TAGS.search(sentence)
    place = found.start() if found else len(sentence)
    return f"{sentence[:place]} {''.join(f'[{citation.marker}]' for citation in citations)}{sentence[place:]}"
