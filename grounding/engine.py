"""Interface of what writes an answer: a model in this process, or another engine that decodes against a contrast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from counterfoil.attribution.report import TraceSpan
from counterfoil.attribution.retrieval import Passage

Tokens = TypeVar("Tokens")

OnToken = Callable[[int], None]
"""Called after each step with the number of tokens so far."""


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

    def prompt(self, question: str, passages: Sequence[Passage], max_new_tokens: int) -> Prompt[Tokens]:
        """Return the prompt with as many of the passages, the best first, as the context holds beside the answer.

        Raises:
            ValueError: Not even one passage fits.
        """
        ...

    def generate(
        self, prompt: Prompt[Tokens], *, strength: float | None, limits: Limits, on_token: OnToken | None = None
    ) -> Generated:
        """Decode one answer greedily.

        Args:
            prompt: Of this engine.
            strength: Weight of the contrast in context-aware decoding; `None` decodes plainly.
            limits: When to stop.
            on_token: Called with the number of tokens so far.
        """
        ...
