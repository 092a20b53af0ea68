"""Localisation of any words of one answer: snap, make a claim, let a method propose, check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

from ..documents import Document, as_documents
from ..entailment import EntailmentModel, load_entailment
from ..entailment.batching import Steps, run, together
from ..entailment.registry import default_entailment
from ..text.statements import Status
from ..text.word_boundaries import snapped
from .attributions import Attribution, Candidate
from .base import Method, Proposal, Query
from .decontextualization import Claim, ClaimWriter, Verbatim, text_of, unmarked
from .verification import SLACK, Outcome, verified

_METHODS: dict[str, tuple[str, str]] = {
    "hidden_states": (".methods.hidden_states", "HiddenStates"),
    "alignment": (".methods.alignment", "Alignment"),
    "prompting": (".methods.prompting", "Prompting"),
    "ablation": (".methods.contextcite", "Ablation"),
    "attention": (".methods.attention_knockout", "Attention"),
}
METHODS = tuple(_METHODS)
"""The methods by name; `ablation` and `attention` are contributive, the others corroborative."""

CLAIMS = ("rules", "none")


class Locator:
    """Localises words of one answer; whatever its queries share (a forward, embeddings) is computed once.

    Args:
        answer: The answer, with or without citation markers.
        documents: The sources; a plain string becomes a document with its number as id.
        method: One of :data:`METHODS`, or a method that was made with this answer and these documents.
        model: What the method runs on: a name (hub id, folder), a loaded model of the kind it takes, or `None` for its
            default. See the method's own page in docs/locate.md.
        entailment: Who checks: the name of an entailment model, or one.
        verify: Whether proposals are checked and shrunk to what still supports the claim. Without, the method's own
            spans are returned as they are, supported or not.
        question: What was asked; helps to make the claim understandable, and is a part of what the contributive methods
            and `hidden_states` read.
        claims: Who makes the words understandable alone: `"rules"`, `"none"`, or a writer such as
            :class:`~counterfoil.attribution.locating.chat_claims.ChatClaims`.
        threshold: From which probability on it counts as support; `None` for the entailment model's own.
        slack: How much of its probability a sentence may lose where a part of it stands for the whole, in [0, 1].
        exact: Whether the numbers and names among the words have to stand in what supports them; see
            :mod:`~counterfoil.attribution.locating.exactness`.
        **options: Of the method.

    Raises:
        ValueError: For a method that does not exist, options out of range, or two documents with one id.
        TypeError: Where the answer is no string, or the method takes no such option.
    """

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document | str],
        *,
        method: Method | str = "hidden_states",
        model: object = None,
        entailment: EntailmentModel | str = "local",
        verify: bool = True,
        question: str | None = None,
        claims: ClaimWriter | str = "rules",
        threshold: float | None = None,
        slack: float = SLACK,
        exact: bool = True,
        **options: object,
    ) -> None:
        if not isinstance(answer, str):
            raise TypeError(f"`answer` has to be a string, but is {type(answer).__name__}")
        if isinstance(method, str):
            checked_method(method)
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ValueError(f"`threshold` has to be in [0, 1], but is {threshold}")
        if not 0.0 <= slack <= 1.0:
            raise ValueError(f"`slack` has to be in [0, 1], but is {slack}")
        self.answer = answer
        self.slack, self.exact = slack, exact
        self.documents = tuple(as_documents(documents))
        self.question = question
        self.claims = _writer(claims)
        self.method = self._method(method, model, options) if isinstance(method, str) else method
        self.entailment = _judge(entailment) if verify else None
        self.threshold = threshold

    def locate(self, span: tuple[int, int]) -> Attribution:
        """The words of the sources that support `answer[span[0]:span[1]]`.

        Args:
            span: Half-open, in code points; it may cross sentences or lie inside a word, and is then snapped.

        Raises:
            ValueError: Where it does not lie within the answer.
        """
        return self.locate_each([span])[0]

    def locate_each(self, spans: Sequence[tuple[int, int]]) -> list[Attribution]:
        """One attribution a span, in order; the entailment model is asked for all of them at once."""
        steps = together([self.steps(span) for span in spans])
        return run(steps, self.entailment.judge if self.entailment else _nobody)

    def steps(self, span: tuple[int, int]) -> Steps[Attribution]:
        """The questions that one span raises to the entailment model, and its attribution."""
        start, end, account = snapped(self.answer, *span)
        words = text_of(self.answer, unmarked(self.answer, start, end))
        if any(character.isalnum() for character in words):
            claim = self.claims.claim(self.answer, start, end, self.question)
            proposal = self.method.propose(Query(start, end, claim.parts, claim.text))
        else:
            claim, proposal = Claim(words, (), words), Proposal((), (), failure="the span holds no word")
        if self.entailment is None or proposal.failure is not None:
            outcome = unverified(proposal)
        else:
            threshold = self.entailment.threshold if self.threshold is None else self.threshold
            exact = claim.words if self.exact else ""
            outcome = yield from verified(
                claim.text, proposal.candidates, self.documents, threshold, words=exact, slack=self.slack
            )
        return self._attribution(span, (start, end, account), claim, proposal, outcome)

    def _method(self, name: str, model: object, options: Mapping[str, object]) -> Method:
        module, cls = _METHODS[name]
        make = getattr(import_module(module, __package__), cls)
        return make(self.answer, self.documents, question=self.question, model=model, **options)

    def _attribution(
        self, asked: tuple[int, int], taken: tuple[int, int, str], claim: Claim, proposal: Proposal, outcome: Outcome
    ) -> Attribution:
        start, end, account = taken
        judge = self.entailment
        return Attribution(
            answer_start=start,
            answer_end=end,
            text=self.answer[start:end],
            asked=(asked[0], asked[1]),
            snapped=account,
            claim=claim.text,
            resolutions=claim.resolutions,
            method=self.method.name,
            kind=self.method.kind,
            status=outcome.status,
            probability=outcome.probability,
            spans=outcome.spans,
            candidates=outcome.candidates,
            searched=proposal.searched,
            entailment=judge.name if judge else "",
            threshold=(judge.threshold if self.threshold is None else self.threshold) if judge else None,
            notes=tuple(note for note in (claim.note, *proposal.notes, *outcome.notes) if note),
            failure=proposal.failure or outcome.failure,
        )


def locate(
    answer: str,
    span: tuple[int, int],
    documents: Sequence[Document | str],
    *,
    method: Method | str = "hidden_states",
    model: object = None,
    entailment: EntailmentModel | str = "local",
    verify: bool = True,
    question: str | None = None,
    **options: object,
) -> Attribution:
    """The words of `documents` that support `answer[span[0]:span[1]]`; none where nothing supports them.

    For several spans of one answer make a :class:`Locator`, whose arguments these are: it runs its model once.

    Args:
        answer: The answer, with or without citation markers.
        span: Half-open, in code points of the answer; see :meth:`Locator.locate`.
        documents: The sources.
        method: See :class:`Locator`, as for all that follow.
        model: What the method runs on.
        entailment: Who checks.
        verify: Whether proposals are checked and shrunk.
        question: What was asked.
        **options: The other arguments of :class:`Locator`, and those of the method.

    Raises:
        ValueError: As :class:`Locator` and :meth:`Locator.locate`.
        TypeError: As :class:`Locator`.
    """
    settings = {"method": method, "model": model, "entailment": entailment, "verify": verify, "question": question}
    locator = Locator(answer, documents, **settings, **options)  # type: ignore[arg-type] (checked where it is called)
    return locator.locate(span)


def checked_method(name: str) -> str:
    """The name, which has to be one of :data:`METHODS`."""
    if name not in _METHODS:
        raise ValueError(f"`method` has to be one of {', '.join(METHODS)}, but is {name!r}")
    return name


def unverified(proposal: Proposal) -> Outcome:
    """What a method proposed, as it is: nobody was asked whether it supports anything."""
    own = len(proposal.candidates) if proposal.own is None else proposal.own
    accounts = tuple(
        Candidate(span, True, "kept: the method's own answer, which nobody checked")
        if number < own
        else Candidate(span, False, "dropped: the method itself holds it for too weak")
        for number, span in enumerate(proposal.candidates)
    )
    return Outcome(Status.NOT_CHECKED, None, proposal.candidates[:own], accounts)


def _nobody(pairs: Sequence[object]) -> list:
    raise AssertionError(f"nobody was to be asked, but {len(pairs)} pairs are")


def _judge(entailment: EntailmentModel | str) -> EntailmentModel:
    if not isinstance(entailment, str):
        return entailment
    return default_entailment() if entailment == "local" else load_entailment(entailment)


def _writer(claims: ClaimWriter | str) -> ClaimWriter:
    if not isinstance(claims, str):
        return claims
    if claims not in CLAIMS:
        raise ValueError(f"`claims` has to be one of {', '.join(CLAIMS)} or a writer of claims, but is {claims!r}")
    if claims == "none":
        return Verbatim()
    from .rules import Rules  # noqa: PLC0415

    return Rules()
