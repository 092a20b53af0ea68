"""What a task asks of a model: to write on, or to choose. Light: nothing is loaded here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


@dataclass(frozen=True)
class Generation:
    """A prompt to be continued, greedily.

    Args:
        prompt: What the model reads.
        max_new_tokens: The longest continuation.
        contrast: What the other view of a method that compares prompts reads instead.
        stop: The continuation ends before the first of these.
        tokens: The prompt as token ids, where it was cut between tokens; a server is sent the text.
    """

    prompt: str
    max_new_tokens: int
    contrast: str | None = None
    stop: tuple[str, ...] = ()
    tokens: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Choice:
    """A prompt and the continuations to choose from.

    Args:
        prompt: What the main view reads.
        options: What may follow, each beginning with the space that stands before it; at least one token each.
        contrast: What the other view of CAD and CID reads in place of the prompt.
    """

    prompt: str
    options: tuple[str, ...]
    contrast: str | None = None


Request = Generation | Choice
Response = str | tuple[float, ...]
"""Text for a :class:`Generation`, the log-probability of each option for a :class:`Choice`."""
