"""The JSON of localisation: its schema, and the way from the library's own types to it and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import Field

from ..documents import SourceSpan
from ..locating.attributions import Attribution, Candidate, Kind, Resolution, Searched
from ..text.statements import Status
from .schema import Output, Share, Text

FORMAT = "counterfoil.attribution/1"


class SpanOutput(Output):
    """`quote` is `[start, end)` of the document's text in code points."""

    document: Text
    start: int
    end: int
    quote: Text
    score: float | None


class CandidateOutput(Output):
    """A place that was considered, and what became of it."""

    span: SpanOutput
    kept: bool
    reason: Text
    probability: Share | None


class SearchedOutput(Output):
    """A part of a document that was looked through."""

    document: Text
    start: int
    end: int


class ResolutionOutput(Output):
    """Words that the claim has in another form than the answer."""

    start: int
    end: int
    replacement: Text
    found_in: Text
    found_start: int
    found_end: int


class AttributionOutput(Output):
    """What `counterfoil locate --json` writes; the fields are those of `Attribution`."""

    format: Literal["counterfoil.attribution/1"] = FORMAT
    claim: Text
    method: Text
    kind: Kind
    status: Status
    probability: Share | None
    spans: list[SpanOutput]
    answer_start: int
    answer_end: int
    text: Text
    asked: tuple[int, int]
    snapped: Text
    resolutions: list[ResolutionOutput] = Field(default_factory=list)
    candidates: list[CandidateOutput] = Field(default_factory=list)
    searched: list[SearchedOutput] = Field(default_factory=list)
    entailment: Text
    threshold: Share | None
    notes: list[Text] = Field(default_factory=list)
    failure: Text | None

    def attribution(self) -> Attribution:
        """The attribution that was written."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "format"}
        return Attribution(
            **fields
            | {
                "spans": tuple(_read(span) for span in self.spans),
                "resolutions": tuple(Resolution(**each.model_dump()) for each in self.resolutions),
                "candidates": tuple(
                    Candidate(_read(each.span), each.kept, each.reason, each.probability) for each in self.candidates
                ),
                "searched": tuple(Searched(**each.model_dump()) for each in self.searched),
                "notes": tuple(self.notes),
            }
        )


def attribution_output(attribution: Attribution) -> AttributionOutput:
    """One attribution as it is written."""
    return AttributionOutput.model_validate(asdict(attribution))


def _read(span: SpanOutput) -> SourceSpan:
    return SourceSpan(span.document, span.start, span.end, span.quote, span.score)
