"""A task that measures an entailment model against human labels, no language model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from .requests import Progress

if TYPE_CHECKING:
    from counterfoil.attribution.entailment import EntailmentModel


@dataclass(frozen=True)
class Judged:
    """What was found.

    Args:
        text: The table with its title and notes.
        recorded: All of it, for JSON.
        samples: What was said of each item.
        unchecked: Items without a verdict.
        figures: What the table was made from, for a drawing.
    """

    text: str
    recorded: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]]
    unchecked: int
    figures: Any = None

    def samples_as_jsonl(self) -> str:
        """The items, one a line."""
        return "".join(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in self.samples)


class JudgeEvaluate(Protocol):
    """What such a task's function is called as."""

    def __call__(
        self, file: Path, model: EntailmentModel, *, limit: int | None, seed: int, progress: Progress | None
    ) -> Judged:
        """What the model says of the items of the file."""
        ...


@dataclass(frozen=True)
class JudgeTask:
    """A task behind one function.

    Args:
        name: Of the task.
        version: As of :class:`.task.Task`.
        summary: One line.
        data: The file within the data folder.
        function: `module:name` of the function within `counterfoil.eval`, imported when it is called.
        limit: How many items it uses where no number is given.
    """

    name: str
    version: int
    summary: str
    data: str
    function: str
    limit: int | None = None

    @property
    def evaluate(self) -> JudgeEvaluate:
        """The function."""
        module, _, name = self.function.partition(":")
        return cast("JudgeEvaluate", getattr(import_module(f"counterfoil.eval.{module}"), name))
