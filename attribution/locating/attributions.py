"""What localisation says: which words of the sources some words of an answer rest on, and what was looked at for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..documents import SourceSpan
from ..text.statements import Status


class Kind(StrEnum):
    """Which question a method answers.

    `corroborative`: which words of the sources prove the claim. `contributive`: which words of the sources made the
    model write it. A model may be led by a sentence that proves nothing, and may know from elsewhere what one proves.
    """

    CORROBORATIVE = "corroborative"
    CONTRIBUTIVE = "contributive"


@dataclass(frozen=True)
class Candidate:
    """A place in the sources that was considered.

    Args:
        span: The place; its score is the method's own, before anything was checked.
        kept: Whether it, or a part of it, is among the spans of the attribution.
        reason: Why it was kept or dropped, in words for a reader.
        probability: That it supports the claim, where the entailment model was asked.
    """

    span: SourceSpan
    kept: bool
    reason: str
    probability: float | None = None


@dataclass(frozen=True)
class Searched:
    """A part of a document that the method looked through: `[start, end)` of its text."""

    document: str
    start: int
    end: int


@dataclass(frozen=True)
class Resolution:
    """Words that the claim has in another form than the answer.

    Args:
        start: Where the words stand in the answer.
        end: One past the last character; equal to `start` where the claim has words that the answer leaves out.
        replacement: What the claim has in their place.
        found_in: `"answer"` or `"question"`, wherever the replacement was found; `"model"` where a chat model wrote it.
        found_start: Where it stands there; 0 for `"model"`.
        found_end: One past its last character.
    """

    start: int
    end: int
    replacement: str
    found_in: str
    found_start: int = 0
    found_end: int = 0


@dataclass(frozen=True)
class Attribution:
    """Where the sources support some words of an answer.

    Args:
        answer_start: First code point of the words in the answer, after snapping.
        answer_end: One past the last.
        text: The words themselves: `answer[answer_start:answer_end]`.
        asked: The range that was asked for.
        snapped: What snapping did to it, in words; empty where nothing.
        claim: What was located and checked: the words, without citation markers, made understandable alone.
        resolutions: What that changed.
        method: Name of the method.
        kind: Which question the method answers.
        status: `supported` where the spans support the claim; `not_supported` or `contradicted` where none do, and then
            there are no spans; `not_checked` where nobody was asked (`verify=False`) or nothing could be said.
        probability: That the spans together support the claim; where there are none, the largest that any candidate
            had; `None` where nobody was asked.
        spans: The words of the sources, by document and place; `score` is the probability that the span alone supports
            the claim, or the method's own score where nobody was asked.
        candidates: What the method proposed, best first, with what became of it.
        searched: What was looked through.
        entailment: Name of the entailment model; empty where nobody was asked.
        threshold: From which probability on it counted as support.
        notes: What a reader has to know of how it was found.
        failure: Why nothing could be said.
    """

    answer_start: int
    answer_end: int
    text: str
    asked: tuple[int, int]
    snapped: str
    claim: str
    resolutions: tuple[Resolution, ...]
    method: str
    kind: Kind
    status: Status
    probability: float | None = None
    spans: tuple[SourceSpan, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    searched: tuple[Searched, ...] = ()
    entailment: str = ""
    threshold: float | None = None
    notes: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def length(self) -> int:
        """Characters of all spans together."""
        return sum(span.end - span.start for span in self.spans)

    @property
    def dropped(self) -> tuple[Candidate, ...]:
        """The candidates that are not among the spans."""
        return tuple(candidate for candidate in self.candidates if not candidate.kept)

    def to_json(self) -> str:
        """The attribution as JSON, as :mod:`counterfoil.attribution.io.attributions_schema` describes it."""
        from ..io.attributions_schema import attribution_output  # noqa: PLC0415 (pydantic, which the types do without)

        return attribution_output(self).model_dump_json(indent=2)
