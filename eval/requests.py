"""What a task asks of an engine: to continue, to choose, to look at a picture, to judge. Nothing is loaded here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from PIL import Image

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""

Response = Any
"""What an engine answers: text to a :class:`Generation` or a :class:`Description`, the log-probability of each option
to a :class:`Choice`, JSON to all others."""


@dataclass(frozen=True)
class Request:
    """What is asked about one item. Subclasses are frozen dataclasses whose fields are JSON, or say how they are."""

    engine: ClassVar[str]
    """The kind of engine that answers: `language`, `vision`, `judge`, `locator`."""
    together: ClassVar[bool] = False
    """Whether all methods are asked at once, because they share what they read."""

    @property
    def size(self) -> int:
        """Return its length; requests of like size are asked side by side."""
        return 0

    def recorded(self) -> dict[str, Any]:
        """Return the request as JSON: what a kept answer is found again by."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, ())}


@dataclass(frozen=True)
class Generation(Request):
    """A prompt to be continued, greedily.

    Args:
        prompt: What the model reads.
        max_new_tokens: The longest continuation, at least 1.
        contrast: What the other view of a method that compares prompts reads instead.
        stop: The continuation ends before the first of these.
        tokens: The prompt as token ids, if it was cut between tokens; a server is sent the text.
    """

    engine = "language"

    prompt: str
    max_new_tokens: int
    contrast: str | None = None
    stop: tuple[str, ...] = ()
    tokens: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Return the number of characters of the prompt."""
        return len(self.prompt)


@dataclass(frozen=True)
class Choice(Request):
    """A prompt and the continuations to choose from.

    Args:
        prompt: What the main view reads.
        options: What may follow, each beginning with the space that stands before it; at least one token each.
        contrast: What the other view of CAD and CID reads in place of the prompt.
    """

    engine = "language"
    together = True

    prompt: str
    options: tuple[str, ...]
    contrast: str | None = None

    @property
    def size(self) -> int:
        """Return the number of characters of the prompt."""
        return len(self.prompt)


@dataclass(frozen=True)
class Picture:
    """A picture, in memory or in a file.

    Args:
        name: What it is called in the data.
        source: The image, or its file.
    """

    name: str
    source: Image.Image | Path

    @cached_property
    def sha256(self) -> str:
        """Return the digest of the file, or of the pixels of an image in memory."""
        raw = self.source.read_bytes() if isinstance(self.source, Path) else self.source.tobytes()
        return hashlib.sha256(raw).hexdigest()


@dataclass(frozen=True)
class Look(Request):
    """A request about a picture.

    Args:
        picture: The picture.
        text: What the model is asked.
        place: Its place in the run: what a method draws for it (a transformation, noise) is drawn with the run's seed
            plus this.
    """

    engine = "vision"

    picture: Picture
    text: str
    place: int = 0

    def recorded(self) -> dict[str, Any]:
        """Return the request as JSON; a picture is identified by its digest."""
        return {**super().recorded(), "picture": self.picture.name, "sha256": self.picture.sha256}


@dataclass(frozen=True)
class YesNo(Look):
    """A question that is answered with yes or no, read off the first token.

    The response has `greedy` (1 if the greedy answer is yes, else 0), `sampled` (the probability of yes among yes and
    no at temperature 1) and `score` (which rises with the certainty of yes).
    """

    together = True


@dataclass(frozen=True)
class Description(Look):
    """A picture to be described, greedily.

    Args:
        max_new_tokens: The longest description, at least 1.
    """

    max_new_tokens: int = 64


@dataclass(frozen=True)
class Judgements(Request):
    """Statements that an entailment model judges against a premise.

    The response is a list with one object a hypothesis: the fields of
    :class:`~counterfoil.attribution.entailment.Judgement` that are not `None`, and `verdict` if there is one: what the
    model decoded if it decodes a label, else whether the probability reaches its threshold.

    Args:
        premise: What is to support the hypotheses.
        hypotheses: The statements.
        blank: Whether the model is asked even if the premise has no word; if not, the response is an empty list.
    """

    engine = "judge"

    premise: str
    hypotheses: tuple[str, ...]
    blank: bool = False

    @property
    def asked(self) -> bool:
        """Return whether the model is asked."""
        return self.blank or bool(self.premise.strip())


def failed(response: Response) -> bool:
    """Return whether an instrument gave no verdict; such a response is shown, counted apart and not kept."""
    if isinstance(response, Mapping):
        return bool(response.get("failure"))
    return isinstance(response, list | tuple) and any(failed(part) for part in response)
