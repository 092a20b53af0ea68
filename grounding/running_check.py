"""An answer checked while it is written: each sentence as soon as it has ended."""

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
from .sentence_reader import SentenceReader


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
        self._reader = SentenceReader()
        self._told: list[GroundedSentence] = []

    def written(self, so_far: Written) -> None:
        """Take what was written so far; ends with the last event on it."""
        text = so_far.text
        last = finished(text, self._limits)[1]
        enough = len(sentences(text)) > self._limits.max_sentences
        shown = without_markers(text[:last] if enough else text).lstrip()
        if shown:
            self._on_event(TextWritten(shown, self._number))
        if not text.startswith(self._reader.text):  # a tokenizer that takes back a space
            self._reader = SentenceReader()
        parts = self._reader.feed(text[len(self._reader.text) :])
        ends = [part.end for part in parts if part.sentence is not None and part.end <= last]
        if ends:
            start = len(text) - len(text.lstrip())
            self._tell(text[start : ends[-1]], within(so_far.trace, start, ends[-1], start))

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
