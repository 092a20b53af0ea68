"""What an engine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from counterfoil.decoding.by_name import Decoding

from ..requests import Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Engine(Protocol):
    """Answers requests of one kind under one or several methods."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def at_once(self) -> int:
        """How many requests it is best given at once; between two such batches the journal is written."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What else makes its answers what they are: recorded, and part of what the journal finds them by."""
        ...

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer.

        Raises:
            ValueError: It cannot be had.
        """
        ...

    def refuses(self, kind: Literal["generation", "likelihood"], decoding: Decoding) -> str | None:
        """Why the engine cannot serve requests of this kind under this method, or `None` where it can."""
        ...

    def answer(self, decodings: Sequence[Decoding], requests: Sequence[Request]) -> list[list[Response]]:
        """Answers requests of one kind at once.

        Returns:
            `[decoding][request]`.

        Raises:
            ValueError: A method or a request that cannot be served.
        """
        ...
