"""Interface of what writes an answer: a model in this process, or another engine that decodes against a contrast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from counterfoil.attribution.report import TraceSpan
from counterfoil.attribution.retrieval import Passage
from counterfoil.attribution.text.segmentation import sentences
from counterfoil.decoding.methods import Method

Tokens = TypeVar("Tokens")


@dataclass(frozen=True)
class Written:
    """An answer that is being decoded.

    Args:
        text: All that was written so far, as it was decoded.
        n_tokens: How many tokens that took.
        trace: As in :class:`Generated`, with the offsets of `text`; of its finished sentences, as far as it is known.
    """

    text: str
    n_tokens: int
    trace: tuple[TraceSpan, ...] = ()


OnText = Callable[[Written], None]
"""Called after each step; what it raises ends the decoding and is passed on."""


@dataclass(frozen=True)
class Limits:
    """When an answer is long enough.

    Args:
        max_new_tokens: Tokens, at least 1.
        max_sentences: Whole sentences, at least 1.

    Raises:
        ValueError: A limit is below 1.
    """

    max_new_tokens: int = 80
    max_sentences: int = 3

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "max_sentences"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` has to be at least 1, but is {getattr(self, name)}")


@dataclass(frozen=True)
class Prompt(Generic[Tokens]):
    """One question, with and without documents.

    Args:
        passages: The passages that the model reads, in the order in which it reads them.
        dropped: Passages that the context has no room for, the least similar ones.
        main: The prompt with the passages, in the engine's own form.
        contrast: The same prompt without them.
    """

    passages: tuple[Passage, ...]
    dropped: tuple[Passage, ...]
    main: Tokens
    contrast: Tokens


@dataclass(frozen=True)
class Generated:
    """The text of an answer.

    Args:
        text: Whole sentences, without white space around them.
        n_tokens: How many tokens were decoded for it.
        unfinished: Whether the tokens ran out within a sentence, which was then left out.
        trace: For each word piece, how many nats the documents add to its log-probability; empty for plain decoding.
    """

    text: str
    n_tokens: int
    unfinished: bool
    trace: tuple[TraceSpan, ...]


class Engine(Protocol[Tokens]):
    """Reads passages and a question and writes an answer."""

    @property
    def name(self) -> str:
        """Name of the language model."""
        ...

    def methods(self) -> Sequence[type[Method]]:
        """Return the methods that it can decode an answer by, beside plain decoding.

        Raises:
            ValueError: It cannot be asked.
        """
        ...

    def prompt(self, question: str, passages: Sequence[Passage], max_new_tokens: int) -> Prompt[Tokens]:
        """Return the prompt with as many of the passages, the best first, as the context holds beside the answer.

        Raises:
            ValueError: Not even one passage fits.
        """
        ...

    def generate(
        self, prompt: Prompt[Tokens], *, method: Method | None, limits: Limits, on_text: OnText | None = None
    ) -> Generated:
        """Decode one answer greedily.

        Args:
            prompt: Of this engine.
            method: What combines the prompt's two forms; `None` decodes plainly.
            limits: When to stop.
            on_text: Called after each step. An engine that decodes in one go need not call it.
        """
        ...


def finished(text: str, limits: Limits, *, ended: bool = False) -> tuple[int, int]:
    """Return where the whole sentences stand in a text that is being written, without white space around them.

    A sentence is counted when the next one has begun, because a full stop alone may be that of "2.4".

    Args:
        text: What was written.
        limits: Sentences beyond the most that an answer may have are left out.
        ended: Whether nothing will follow, so that the last sentence is finished too.

    Returns:
        Start and end, the same if no sentence is finished.
    """
    found = sentences(text)
    kept = (found if ended else found[:-1])[: limits.max_sentences]
    return (kept[0].start, kept[-1].end) if kept else (0, 0)


def generated(
    text: str, n_tokens: int, limits: Limits, *, ended: bool, ends: Sequence[int] = (), values: Sequence[float] = ()
) -> Generated:
    """Return what is kept of a decoded text: its whole sentences, or if not even one was finished, what there is of it.

    Args:
        text: What was decoded.
        n_tokens: How many tokens that took.
        limits: Of the answer.
        ended: Whether the model ended it, rather than running out of tokens.
        ends: Where each token ends in `text`.
        values: What the documents add to the log-probability of each token, in nats.
    """
    enough = ended or len(sentences(text)) > limits.max_sentences
    start, end = finished(text, limits, ended=enough)
    if start == end:
        start, end = finished(text, limits, ended=True)
    return Generated(text[start:end], n_tokens, not enough, trace_spans(ends, values, start, end))


def trace_spans(ends: Sequence[int], values: Sequence[float], start: int, end: int) -> tuple[TraceSpan, ...]:
    """Return the values of the tokens that stand in `[start, end)` of the text, with offsets from `start`."""
    return tuple(
        TraceSpan(max(begin, start) - start, min(stop, end) - start, value)
        for begin, stop, value in zip([0, *ends], ends, values, strict=False)
        if max(begin, start) < min(stop, end)
    )
