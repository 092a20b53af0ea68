"""A task that does its own decoding, for example because it shows images: one function from a file to a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from .requests import Progress
from .results import TaskResult

if TYPE_CHECKING:
    from .decodings import Decoding


class Evaluate(Protocol):
    """What such a task's function is called as."""

    def __call__(
        self,
        file: Path,
        language: Any,  # noqa: ANN401  (a language model, or a vision-language model)
        decodings: Sequence[Decoding],
        *,
        limit: int | None,
        seed: int,
        progress: Progress | None,
    ) -> TaskResult:
        """What the decodings reach on the file."""
        ...


@dataclass(frozen=True)
class WholeTask:
    """A task behind one function. It runs in process only, and begins again where it was killed.

    Args:
        name: Of the task.
        version: As of :class:`.task.Task`.
        summary: One line.
        data: The file within the data folder.
        methods: What it is run with where none are named.
        function: `module:name` of the function within `counterfoil.eval`, imported when it is called.
        loader: The function of `counterfoil.models` that loads its model.
        limit: How many items it uses where no number is given.
    """

    name: str
    version: int
    summary: str
    data: str
    methods: str
    function: str
    loader: str = "load_language_model"
    limit: int | None = None

    def load(self, model: str | None) -> Any:  # noqa: ANN401
        """The model of this name, as the task needs it."""
        return getattr(import_module("counterfoil.models"), self.loader)(model)

    @property
    def evaluate(self) -> Evaluate:
        """The function."""
        module, _, name = self.function.partition(":")
        return cast("Evaluate", getattr(import_module(f"counterfoil.eval.{module}"), name))
