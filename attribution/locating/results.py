"""What locating says: which words of the sources some words of an answer rest on, and what was looked at for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from ..detail_check.findings import Detail
from ..documents import SourceRange, SourceSpan
from ..serialization import STRICT, Probability, Text, as_json, from_json
from ..text.markers import Range
from ..text.statements import Status

FORMAT = "counterfoil.attribution/2"


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
        probability: That it supports the claim, if the entailment model was asked.
    """

    __pydantic_config__ = STRICT

    span: SourceSpan
    kept: bool
    reason: Text
    probability: Probability | None = None


@dataclass(frozen=True)
class Resolution:
    """Words that the claim has in another form than the answer.

    Args:
        start: Where the words stand in the answer.
        end: One past the last character; equal to `start` if the claim has words that the answer leaves out.
        replacement: What the claim has in their place.
        found_in: `"answer"` or `"question"`, wherever the replacement was found; `"model"` if a chat model wrote it.
        found_start: Where it stands there; 0 for `"model"`.
        found_end: One past its last character.
    """

    __pydantic_config__ = STRICT

    start: int
    end: int
    replacement: Text
    found_in: Literal["answer", "question", "model"]
    found_start: int = 0
    found_end: int = 0


@dataclass(frozen=True)
class Attribution:
    """Where the sources support some words of an answer.

    Its fields are those of its JSON.

    Args:
        claim: What was located and checked: the words, without citation markers, made understandable alone.
        method: Name of the method.
        kind: Which question the method answers.
        status: `supported` if the spans support the claim; `not_supported` or `contradicted` if none do, and then
            there are no spans; `not_checked` if nothing was verified (`verify=False`) or nothing could be said.
        answer_start: First code point of the words in the answer, after snapping.
        answer_end: One past the last.
        ranges: The words in the answer, after snapping: `((answer_start, answer_end),)`, or several ranges.
        text: The words themselves, with ` … ` between two ranges.
        asked: The ranges that were asked for.
        probability: That the spans together support the claim; without spans, the largest that any candidate had;
            `None` if nothing was verified.
        contradicted: That the words of the sources that decided the status contradict it, if nothing supports it and
            the entailment model tells; else `None`.
        spans: The words of the sources, by document and place; `score` is the probability that the span alone supports
            the claim, or the method's own score if nothing was verified.
        snapped: What snapping did to the ranges, in words; empty if nothing.
        resolutions: What decontextualization changed.
        candidates: What the method proposed, best first, with what became of it.
        searched: What was looked through.
        entailment: Name of the entailment model; empty if nothing was verified.
        threshold: From which probability on it counted as support.
        details: Words of the claim that the sources give otherwise, which lowered the probability.
        notes: What a reader must know of how it was found.
        failure: Why nothing could be said.
        format: Of the JSON.
    """

    __pydantic_config__ = STRICT

    claim: Text
    method: Text
    kind: Kind
    status: Status
    answer_start: int
    answer_end: int
    ranges: tuple[Range, ...]
    text: Text
    asked: tuple[Range, ...]
    probability: Probability | None = None
    contradicted: Probability | None = None
    spans: tuple[SourceSpan, ...] = ()
    snapped: Text = ""
    resolutions: tuple[Resolution, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    searched: tuple[SourceRange, ...] = ()
    entailment: Text = ""
    threshold: Probability | None = None
    details: tuple[Detail, ...] = ()
    notes: tuple[Text, ...] = ()
    failure: Text | None = None
    format: Literal["counterfoil.attribution/2"] = field(default=FORMAT, repr=False)

    @property
    def length(self) -> int:
        """Return the number of characters of all spans together."""
        return sum(span.end - span.start for span in self.spans)

    @property
    def dropped(self) -> tuple[Candidate, ...]:
        """Return the candidates that are not among the spans."""
        return tuple(candidate for candidate in self.candidates if not candidate.kept)

    def to_json(self) -> str:
        """Return the attribution as JSON."""
        return as_json(self, indent=2)

    @classmethod
    def from_json(cls, written: str | bytes) -> Attribution:
        """Return the attribution that :meth:`to_json` wrote.

        Raises:
            pydantic.ValidationError: If it is something else.
        """
        return from_json(cls, written)
