"""An answer checked while it is written: each sentence as soon as the next one has begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from counterfoil.attribution import EntailmentModel
from counterfoil.attribution.report import TraceSpan
from counterfoil.attribution.text.markers import without_markers
from counterfoil.attribution.text.segmentation import sentences

from .citations import cited_statements
from .engine import Generated, Limits, Written, finished
from .excerpts import Excerpt
from .results import Event, GroundedSentence, TextWritten


class RunningCheck:
    """Checks the sentences of one answer as they are finished, and tells of each.

    The sentences so far are cited anew whenever one more is finished, as the whole answer is at the end; so the judge
    has to remember its judgements (:class:`~counterfoil.attribution.entailment.cached.MemoryCache`). If later words
    change what was told of a sentence (its bounds, above all), it is told again when the answer has ended.

    Args:
        question: What was asked.
        sources: What the model reads.
        entailment: The model that attaches the citations.
        limits: Of the answer.
        on_event: Called with what is new.
        number: Of the answer, from 0.
    """

    def __init__(
        self,
        question: str,
        sources: Sequence[Excerpt],
        entailment: EntailmentModel,
        limits: Limits,
        on_event: Callable[[Event], None],
        number: int = 0,
    ) -> None:
        self._question, self._sources, self._entailment = question, sources, entailment
        self._limits, self._on_event, self._number = limits, on_event, number
        self._checked = 0
        self._told: list[GroundedSentence] = []

    def written(self, so_far: Written) -> None:
        """Take what was written so far; ends with the last event on it."""
        start, end = finished(so_far.text, self._limits)
        enough = len(sentences(so_far.text)) > self._limits.max_sentences
        shown = without_markers(so_far.text[:end] if enough else so_far.text).lstrip()
        if shown:
            self._on_event(TextWritten(shown, self._number))
        if end > self._checked:
            self._checked = end
            self._tell(so_far.text[start:end], within(so_far.trace, start, end, start))

    def ended(self, answer: Generated) -> None:
        """Take the whole answer."""
        self._on_event(TextWritten(without_markers(answer.text), self._number))
        self._tell(answer.text, answer.trace)

    def _tell(self, text: str, trace: Sequence[TraceSpan]) -> None:
        _, shown, statements = cited_statements(self._question, text, self._sources, self._entailment)
        for place, verdict in enumerate(statements):
            own = within(trace, verdict.start, verdict.end) if shown == text else ()
            sentence = GroundedSentence(verdict, own, self._number)
            if place < len(self._told) and self._told[place] == sentence:
                continue
            self._told[place : place + 1] = [sentence]
            self._on_event(sentence)


def within(trace: Iterable[TraceSpan], start: int, end: int, origin: int = 0) -> tuple[TraceSpan, ...]:
    """Return what of a trace stands in `[start, end)`, with offsets from `origin`."""
    return tuple(
        TraceSpan(max(span.start, start) - origin, min(span.end, end) - origin, span.value)
        for span in trace
        if max(span.start, start) < min(span.end, end)
    )
