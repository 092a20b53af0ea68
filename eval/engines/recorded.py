"""Answers that are there already: a file of texts in place of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..dataset import Dataset
from ..requests import Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..task import Task


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
