"""Citation recall and precision of one answer, and of a stream of answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..documents import Document, as_documents
from ..entailment import EntailmentModel
from ..entailment.batching import Steps, run, together
from ..entailment.detail_checked import detail_checked
from ..entailment.premises import ALCE, STRICT
from ..entailment.registry import default_entailment
from ..locating.decontextualization import Decontextualizer, decontextualizer, understood
from ..text.markers import unread_citations
from ..text.segmentation import sentences as default_sentences
from ..text.statements import Splitter, Statement, statements
from . import alce, strict
from .groundedness import CLAIMS, claims_of, grounded, groundedness, needs_source
from .quotes import quoted
from .results import CitationReport, StatementVerdict

MODES = ("strict", "alce")


@dataclass(frozen=True)
class Answer:
    """One answer of a corpus.

    Args:
        text: The answer with its markers.
        documents: The sources that `[1]`, `[2]`, ... refer to, in this order.
        question: The question, if it is known; see `decontextualize` of :class:`Scoring`, and ALCE's list answers.
        id: Free for the caller; the library copies it through.
    """

    text: str
    documents: Sequence[Document | str]
    question: str | None = None
    id: str = ""


@dataclass(frozen=True)
class Scoring:
    """How answers are scored.

    Args:
        mode: `"strict"`, or `"alce"` for ALCE's figures number for number.
        threshold: From which probability on it counts as support; `None` for the model's own.
        sentences: Cuts an answer into sentences; `None` for
            :func:`~counterfoil.attribution.text.segmentation.sentences`. ALCE itself uses NLTK's punkt: pass
            `nltk.sent_tokenize` for its exact boundaries.
        list_answer: The answer is a list separated by commas and each item is read with the question before it, as
            ALCE does for QAMPARI; in mode `"alce"` only.
        max_citations: ALCE's limit of citations per sentence, `None` for no limit; in mode `"alce"` only.
        quotes: Whether the supporting passage of each document is looked for, which asks the model for sentences of
            every supporting document, at most 52 a citation.
        detail_check: Whether details that a source gives otherwise (a number, a weekday, a name, a negation) lower the
            probability of support; see :mod:`~counterfoil.attribution.detail_check`. Off in mode `"alce"`.
        decontextualize: How a statement is understood before it is judged: `"rules"` put what is meant for its pronouns
            and missing topics, `"none"` takes it as it stands, or a
            :class:`~counterfoil.attribution.locating.decontextualization.Decontextualizer`. Off in mode `"alce"`.
        groundedness: Whether each `"sentences"`, or each clause of one (`"clauses"`), is also judged on all documents,
            cited or not; `"none"` for no such figure. In mode `"strict"` only.
        check_worthy: Whether sentences that need no source (questions, lead-ins, courtesies) are left out and counted
            apart; see :func:`~counterfoil.attribution.scoring.groundedness.needs_source`. In mode `"strict"` only.

    Raises:
        ValueError: For a mode that does not exist, a threshold outside [0, 1], a limit below 1, or an option of the
            other mode.
    """

    mode: str = "strict"
    threshold: float | None = None
    sentences: Splitter | None = field(default=None, compare=False)
    list_answer: bool = False
    max_citations: int | None = alce.MAX_CITATIONS
    quotes: bool = False
    detail_check: bool = True
    decontextualize: Decontextualizer | str = "rules"
    groundedness: str = "none"
    check_worthy: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"`mode` has to be one of {', '.join(MODES)}, but is {self.mode!r}")
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"`threshold` has to be in [0, 1], but is {self.threshold}")
        if self.max_citations is not None and self.max_citations < 1:
            raise ValueError(f"`max_citations` has to be at least 1 or None, but is {self.max_citations}")
        if self.list_answer and self.mode != "alce":
            raise ValueError("`list_answer` has to be False in mode 'strict', but is True; use mode='alce'")

        if self.groundedness not in CLAIMS:
            raise ValueError(f"`groundedness` has to be one of {', '.join(CLAIMS)}, but is {self.groundedness!r}")
        if self.mode == "alce" and (self.groundedness != "none" or self.check_worthy):
            raise ValueError("`groundedness` and `check_worthy` have to be left out in mode 'alce'; use mode='strict'")
        decontextualizer(self.decontextualize)

    def judge(self, entailment: EntailmentModel) -> EntailmentModel:
        """Return the model that judges: with the detail check beside it, or without."""
        return detail_checked(entailment, self.detail_check and self.mode != "alce")

    def steps(self, answer: Answer, name: str, threshold: float) -> Steps[CitationReport]:
        """Ask the questions that one answer raises, and return its report; `name` is the entailment model's."""
        documents = as_documents(answer.documents)
        checks, omitted = self._checks(answer, documents, threshold)
        metric, form = (alce, ALCE) if self.mode == "alce" else (strict, STRICT)

        def verdict(check: Steps[StatementVerdict]) -> Steps[StatementVerdict]:
            found = yield from check
            return (yield from quoted(found, documents, threshold, form)) if self.quotes else found

        verdicts = yield from together(verdict(check) for check in checks)
        recall, precision = metric.recall(verdicts), metric.precision(verdicts)
        unread = alce.unread if self.mode == "alce" else unread_citations
        return CitationReport(
            mode=self.mode,
            answer=answer.text,
            statements=tuple(verdicts),
            recall=recall,
            precision=precision,
            counted=recall is not None and precision is not None,
            entailment=name,
            threshold=threshold,
            id=answer.id,
            unread=tuple(unread(answer.text, len(documents))),
            groundedness=groundedness(verdicts),
            omitted=tuple(omitted),
        )

    def _checks(
        self, answer: Answer, documents: Sequence[Document], threshold: float
    ) -> tuple[list[Steps[StatementVerdict]], list[str]]:
        """Return what is asked of each statement, and the sentences that are left out."""
        given = self.sentences or default_sentences
        if self.mode == "alce":
            if self.list_answer and answer.question is None:
                raise ValueError("`question` has to be given with `list_answer`, but is None")
            # The library's own splitter has a form for ALCE.
            splitter = alce.sentences if given is default_sentences else given
            found = alce.claims(answer.text, splitter, answer.question if self.list_answer else None)
            return [alce.check(claim, documents, threshold, self.max_citations) for claim in found], []
        split = statements(answer.text, len(documents), given)
        omitted = [each for each in split if self.check_worthy and not needs_source(each.text)]
        kept = [each for each in split if each not in omitted]
        return [self._check(each, answer, documents, threshold) for each in kept], [each.text for each in omitted]

    def _check(
        self, statement: Statement, answer: Answer, documents: Sequence[Document], threshold: float
    ) -> Steps[StatementVerdict]:
        way, place = self.decontextualize, (statement.start, statement.end)
        claim = understood(way, answer.text, place, answer.question)
        verdict = yield from strict.check(statement, documents, threshold, claim)
        if self.groundedness == "none":
            return verdict
        parts = claims_of(statement, answer.text, answer.question, way, self.groundedness)
        return (yield from grounded(replace(verdict, claim=claim), parts, documents, threshold))


def score_citations(
    answer: str,
    documents: Sequence[Document | str],
    *,
    entailment: EntailmentModel | None = None,
    mode: str = "strict",
    question: str | None = None,
    threshold: float | None = None,
    sentences: Splitter | None = None,
    list_answer: bool = False,
    max_citations: int | None = alce.MAX_CITATIONS,
    quotes: bool = True,
    detail_check: bool = True,
    decontextualize: Decontextualizer | str = "rules",
    groundedness: str = "none",
    check_worthy: bool = False,
) -> CitationReport:
    """Check whether the documents that an answer cites support what it says.

    Args:
        answer: The answer with markers such as `[1]`, which count `documents` from 1.
        documents: The sources, in the order of their numbers; a plain string becomes a document with its number as id.
        entailment: The model that judges; `None` for the local one.
        mode: `"strict"` or `"alce"`; docs/scoring.md compares them case by case.
        question: The question, if it is known.
        threshold: From which probability on it counts as support; `None` for the model's own.
        sentences: Cuts the answer into sentences; `None` for the library's own splitter.
        list_answer: See :class:`Scoring`.
        max_citations: See :class:`Scoring`.
        quotes: Whether to look for the supporting passage of each document.
        detail_check: See :class:`Scoring`.
        decontextualize: See :class:`Scoring`.
        groundedness: See :class:`Scoring`.
        check_worthy: See :class:`Scoring`.

    Returns:
        The report. Statements that the model gave no verdict on leave the denominators and are counted apart.

    Raises:
        ValueError: For arguments out of range, or two documents with one id.
        TypeError: If the answer is not a string, or `documents` no sequence of documents or strings.
    """
    if not isinstance(answer, str):
        raise TypeError(f"`answer` has to be a string, but is {type(answer).__name__}")
    model = entailment or default_entailment()
    scoring = Scoring(
        mode=mode,
        threshold=threshold,
        sentences=sentences,
        list_answer=list_answer,
        max_citations=max_citations,
        quotes=quotes,
        detail_check=detail_check,
        decontextualize=decontextualize,
        groundedness=groundedness,
        check_worthy=check_worthy,
    )
    item = Answer(answer, as_documents(documents), question)
    return next(iter(score_each([item], entailment=model, scoring=scoring)))


def score_each(
    answers: Iterable[Answer],
    *,
    entailment: EntailmentModel | None = None,
    scoring: Scoring | None = None,
    window: int = 256,
) -> Iterator[CitationReport]:
    """Yield the report of each answer, in order, from a stream of any length.

    Args:
        answers: The answers; only `window` of them are held at once.
        entailment: The model that judges; `None` for the local one.
        scoring: How; `None` for the defaults.
        window: How many answers share their rounds of questions. Scores do not depend on it.

    Raises:
        ValueError: If `window` is below 1.
    """
    if window < 1:
        raise ValueError(f"`window` has to be at least 1, but is {window}")
    scoring = scoring or Scoring()
    model = scoring.judge(entailment or default_entailment())
    threshold = model.threshold if scoring.threshold is None else scoring.threshold
    stream = iter(answers)
    while some := list(itertools.islice(stream, window)):
        steps = together(scoring.steps(answer, model.name, threshold) for answer in some)
        yield from run(steps, model.judge)
