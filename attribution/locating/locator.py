"""Locating any words of one answer in its sources: snap, decontextualize, let a method propose, verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from ..detail_check.findings import Detail
from ..documents import Document, as_documents
from ..entailment import EntailmentModel, load_entailment
from ..entailment.batching import Steps, run, together
from ..entailment.detail_checked import detail_checked
from ..entailment.registry import default_entailment
from ..text.markers import Range
from ..text.plain_text import plain_text
from ..text.statements import Status
from ..text.word_boundaries import snapped
from .base import LocatingMethod, Proposal, Query
from .decontextualization import Claim, Decontextualizer, decontextualizer
from .decontextualization.base import affirms, says_nothing_alone, text_of, unmarked
from .registry import METHODS
from .results import Attribution, Candidate
from .verification import SLACK, Verification, verify

Span = Range | Sequence[Range]
"""Words of an answer: one half-open range of code points, or several."""


class Locator:
    """Locates words of one answer; whatever its queries share (a forward, embeddings) is computed once.

    Args:
        answer: The answer, with or without citation markers.
        documents: The sources; a plain string becomes a document with its number as id.
        method: One of :data:`~counterfoil.attribution.locating.registry.METHODS`, or a method that was made with this
            answer and these documents.
        model: What the method runs on: a name (hub id, folder), a loaded model of the kind it takes, or `None` for its
            default. See docs/locate.md.
        entailment: What verifies the proposals: an entailment model, or the name of one.
        verify: Whether proposals are verified and shrunk to what still supports the claim. Without, the method's own
            spans are returned as they are, supported or not.
        question: What was asked; helps to decontextualize, and is a part of what the contributive methods and
            `hidden_states` read.
        decontextualize: What makes the words understandable alone: `"rules"`, `"none"`, or a
            :class:`~counterfoil.attribution.locating.decontextualization.Decontextualizer` such as
            :class:`~counterfoil.attribution.locating.decontextualization.chat.ChatDecontextualizer`.
        threshold: From which probability on it counts as support; `None` for the entailment model's own.
        slack: How much of its probability a sentence may lose if a part of it stands for the whole, in [0, 1].
        detail_check: Whether details that a source gives otherwise (a number, a weekday, a name, a negation) lower the
            probability of support; see :mod:`~counterfoil.attribution.detail_check`.
        **options: Of the method.

    Raises:
        ValueError: For a method that does not exist, options out of range, or two documents with one id.
        TypeError: If the answer is no string, or the method takes no such option.
    """

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document | str],
        *,
        method: LocatingMethod | str = "hidden_states",
        model: object = None,
        entailment: EntailmentModel | str = "local",
        verify: bool = True,
        question: str | None = None,
        decontextualize: Decontextualizer | str = "rules",
        threshold: float | None = None,
        slack: float = SLACK,
        detail_check: bool = True,
        **options: object,
    ) -> None:
        if not isinstance(answer, str):
            raise TypeError(f"`answer` has to be a string, but is {type(answer).__name__}")
        if isinstance(method, str):
            METHODS.check(method)
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ValueError(f"`threshold` has to be in [0, 1], but is {threshold}")
        if not 0.0 <= slack <= 1.0:
            raise ValueError(f"`slack` has to be in [0, 1], but is {slack}")
        self.answer = answer
        self.slack = slack
        self.documents = tuple(as_documents(documents))
        self.question = question
        self.decontextualizer = decontextualizer(decontextualize)
        self.method: LocatingMethod = (
            METHODS.load(method)(self.answer, self.documents, question=question, model=model, **options)
            if isinstance(method, str)
            else method
        )
        self.entailment = detail_checked(_entailment(entailment), detail_check) if verify else None
        self._threshold = threshold

    @property
    def threshold(self) -> float | None:
        """Return from which probability on it counts as support; `None` if nothing is verified."""
        if self.entailment is None:
            return None
        return self.entailment.threshold if self._threshold is None else self._threshold

    def locate(self, span: Span) -> Attribution:
        """Return the words of the sources that support some words of the answer.

        Args:
            span: Half-open, in code points: `(start, end)`; or several such ranges, whose words are one claim. A range
                may cross sentences or lie inside a word, and is then snapped to whole words.

        Raises:
            ValueError: If a range does not lie within the answer, or there is none.
        """
        return self.locate_each([span])[0]

    def locate_each(self, spans: Sequence[Span]) -> list[Attribution]:
        """Return one attribution a span, in order; the entailment model is asked for all of them at once."""
        steps = together([self.steps(span) for span in spans])
        return run(steps, self.entailment.judge if self.entailment else _no_judge)

    def _proposed(self, ranges: tuple[Range, ...], claim: Claim) -> Proposal:
        if says_nothing_alone(claim.text):
            needed = "its question is needed" if affirms(claim.text) else "no words of a source say that as they stand"
            return Proposal((), (), failure=f"{claim.text!r} only affirms or denies something: {needed}")
        return self.method.propose(Query(ranges, claim.parts, claim.text))

    def _in_answer(self, detail: Detail, claim: str, ranges: tuple[Range, ...]) -> Detail:
        """Return a detail of a claim with the place of its words in the answer; all words if the claim has others."""
        words = claim[detail.answer_start : detail.answer_end]
        for start, end in ranges:
            place = self.answer.find(words, start, end)
            if place >= 0:
                return replace(detail, answer_start=place, answer_end=place + len(words))
        return replace(detail, answer_start=ranges[0][0], answer_end=ranges[-1][1])

    def steps(self, span: Span) -> Steps[Attribution]:
        """Yield the pairs that one span raises to the entailment model, and return its attribution."""
        taken = _snapped(self.answer, span)
        words = text_of(self.answer, unmarked(self.answer, taken.ranges))
        if any(character.isalnum() for character in words):
            written = self.decontextualizer.decontextualize(self.answer, taken.ranges, self.question)
            # What is compared with the sources is what a reader sees of the answer, not its Markdown.
            claim = replace(written, text=plain_text(written.text), words=plain_text(written.words))
            proposal = self._proposed(taken.ranges, claim)
        else:
            claim, proposal = Claim(words, (), words), Proposal((), (), failure="the span holds no word")
        if self.threshold is None or proposal.failure is not None:
            outcome = unverified(proposal)
        else:
            outcome = yield from verify(
                claim.text, proposal.candidates, self.documents, self.threshold, slack=self.slack
            )
        return Attribution(
            claim=claim.text,
            method=self.method.name,
            kind=self.method.kind,
            status=outcome.status,
            answer_start=taken.ranges[0][0],
            answer_end=taken.ranges[-1][1],
            ranges=taken.ranges,
            text=" … ".join(self.answer[start:end] for start, end in taken.ranges),
            asked=taken.asked,
            probability=outcome.probability,
            contradicted=outcome.contradicted,
            spans=outcome.spans,
            snapped=taken.account,
            resolutions=claim.resolutions,
            candidates=outcome.candidates,
            searched=proposal.searched,
            details=tuple(self._in_answer(each, claim.text, taken.ranges) for each in outcome.details),
            entailment=self.entailment.name if self.entailment else "",
            threshold=self.threshold,
            notes=tuple(note for note in (claim.note, *proposal.notes) if note),
            failure=proposal.failure or outcome.failure,
        )


def locate(
    answer: str,
    span: Span,
    documents: Sequence[Document | str],
    *,
    method: LocatingMethod | str = "hidden_states",
    model: object = None,
    entailment: EntailmentModel | str = "local",
    verify: bool = True,
    question: str | None = None,
    **options: object,
) -> Attribution:
    """Return the words of `documents` that support some words of `answer`; none if nothing supports them.

    For several claims of one answer make a :class:`Locator`, whose arguments these are: it runs its model once.

    Args:
        answer: The answer, with or without citation markers.
        span: Half-open, in code points of the answer; see :meth:`Locator.locate`.
        documents: The sources.
        method: See :class:`Locator`, as for all that follow.
        model: What the method runs on.
        entailment: What verifies.
        verify: Whether proposals are verified and shrunk.
        question: What was asked.
        **options: The other arguments of :class:`Locator`, and those of the method.

    Raises:
        ValueError: As :class:`Locator` and :meth:`Locator.locate`.
        TypeError: As :class:`Locator`.
    """
    settings = {"method": method, "model": model, "entailment": entailment, "verify": verify, "question": question}
    locator = Locator(answer, documents, **settings, **options)  # type: ignore[arg-type] (checked where it is called)
    return locator.locate(span)


@dataclass(frozen=True)
class _Snapped:
    """The ranges that were asked for, those that are taken, and what was changed, in words."""

    asked: tuple[Range, ...]
    ranges: tuple[Range, ...]
    account: str


def _snapped(answer: str, span: Span) -> _Snapped:
    """Snap each range to whole words; what touches or overlaps then becomes one."""
    single = bool(span) and isinstance(span[0], int)
    asked = tuple((start, end) for start, end in cast("Sequence[Range]", [span] if single else span))
    if not asked:
        raise ValueError("`span` has to hold a range of the answer, but is empty")
    ranges: list[Range] = []
    accounts = []
    for one in sorted(asked):
        start, end, account = snapped(answer, *one)
        accounts += [account] if account else []
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))
    return _Snapped(asked, tuple(ranges), "; ".join(accounts))


def unverified(proposal: Proposal) -> Verification:
    """Return what a method proposed, as it is: nothing says whether it supports anything."""
    own = len(proposal.candidates) if proposal.n_own is None else proposal.n_own
    explained = tuple(
        Candidate(span, True, "kept: the method's own answer, not verified")
        if number < own
        else Candidate(span, False, "dropped: too weak by the method's own score")
        for number, span in enumerate(proposal.candidates)
    )
    return Verification(Status.NOT_CHECKED, None, proposal.candidates[:own], explained)


def _no_judge(pairs: Sequence[object]) -> list:
    raise AssertionError(f"nothing was to be verified, but {len(pairs)} pairs are")


def _entailment(entailment: EntailmentModel | str) -> EntailmentModel:
    if not isinstance(entailment, str):
        return entailment
    return default_entailment() if entailment == "local" else load_entailment(entailment)
