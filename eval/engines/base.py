"""The interface of engines; tasks and the runner know no other. And the engine of answers that are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..dataset import Dataset
from ..requests import Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..task import Task


class Engine(Protocol):
    """Answers requests of one kind under one or several methods.

    What a method is, the engine says: a decoding, a way to locate. An engine that has one way only is given `None`.
    """

    @property
    def name(self) -> str:
        """Return the model's name."""
        ...

    @property
    def at_once(self) -> int:
        """Return the number of requests it is best given at once; between two such batches the journal is written."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return all else that its answers depend on, JSON: recorded, and part of what the journal finds them by."""
        ...

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the model's tokenizer.

        Raises:
            ValueError: There is none.
        """
        ...

    def described(self, method: Any) -> tuple[str, str, Mapping[str, Any]]:  # noqa: ANN401
        """Return a method's name, its label with parameters for a table, and all its parameters, JSON."""
        ...

    def refuses(self, task: Task, method: Any) -> str | None:  # noqa: ANN401
        """Return why the engine cannot serve a task under a method, or `None` if it can."""
        ...

    def answer(self, methods: Sequence[Any], requests: Sequence[Request]) -> list[list[Response]]:
        """Return the answers to requests of one kind, `[method][request]`.

        Raises:
            ValueError: A method or a request that cannot be served.
        """
        ...


@dataclass(frozen=True)
class Recorded(Request):
    """An answer that is there already.

    Args:
        place: Its place in the file, from 0.
    """

    engine = "recorded"

    place: int


class RecordedEngine:
    """Answers from a file.

    Args:
        dataset: The file.
        texts: The answers that it holds, in order.
    """

    at_once = 10_000

    def __init__(self, dataset: Dataset, texts: Sequence[str]) -> None:
        self.dataset, self.texts = dataset, texts

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.dataset.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the file's digest."""
        return {"engine": "recorded", "sha256": self.dataset.sha256}

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Raise: who wrote the answers is not known.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"{self.name} holds answers, whose model's tokenizer is not known")

    def described(self, method: None) -> tuple[str, str, Mapping[str, Any]]:
        """Return the file as the only method."""
        return "recorded", self.name, {}

    def refuses(self, task: Task, method: None) -> str | None:
        """Return `None`."""
        return None

    def answer(self, methods: Sequence[None], requests: Sequence[Request]) -> list[list[Response]]:
        """Return the answers of the file."""
        return [[self.texts[cast("Recorded", request).place] for request in requests]]
