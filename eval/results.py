"""What a task found: a row a method, the items behind it, and all that is needed to find it again."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from .dataset import Source
from .statistics import Interval

FORMAT = "counterfoil.evaluation/1"
PACKAGES = ("counterfoil", "torch", "transformers", "scipy")


@dataclass(frozen=True)
class Figure:
    """One number of a table.

    Args:
        value: The number, `None` where it is not defined.
        interval: How sure it is.
        digits: Decimals to show.
    """

    value: float | None
    interval: Interval | None = None
    digits: int = 3

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        least = 10**-self.digits
        # What rounds to zero and is not zero is said to be small.
        shown = f"<{least:.{self.digits}f}" if 0 < self.value < least / 2 else f"{self.value:.{self.digits}f}"
        if self.interval is None:
            return shown
        return f"{shown} [{self.interval.low:.{self.digits}f}, {self.interval.high:.{self.digits}f}]"


@dataclass(frozen=True)
class MethodResult:
    """The row of one method.

    Args:
        label: The method with its parameters.
        settings: The parameters, defaults among them.
        figures: Numbers by name, the same names in every row that has them.
    """

    label: str
    settings: Mapping[str, Any]
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class TaskResult:
    """What a task found for one model.

    Args:
        task: The task's name.
        version: The task's version: figures of different versions are not comparable.
        model: The model's name.
        source: The data file.
        n: How many items were used.
        settings: Of the task.
        methods: A row each.
        samples: What each item gave, for a file of its own.
        notes: What a reader of the table has to know.
    """

    task: str
    version: int
    model: str
    source: Source
    n: int
    settings: Mapping[str, Any]
    methods: tuple[MethodResult, ...]
    samples: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()

    def table(self) -> list[list[str]]:
        """The table as text, its head first."""
        names = list(dict.fromkeys(name for row in self.methods for name in row.figures))
        rows = [[row.label, *(str(row.figures[n]) if n in row.figures else "" for n in names)] for row in self.methods]
        return [["method", *names], *rows]

    def as_json(self) -> str:
        """Everything but the samples."""
        return json.dumps(self.recorded(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    def recorded(self) -> dict[str, Any]:
        """The same as :meth:`as_json`, not yet written."""
        return {
            "format": FORMAT,
            "task": self.task,
            "version": self.version,
            "model": self.model,
            "data": {"file": self.source.name, "sha256": self.source.sha256, "n": self.n},
            "settings": dict(self.settings),
            "methods": [
                {
                    "label": row.label,
                    "settings": dict(row.settings),
                    "figures": {name: _recorded(figure) for name, figure in row.figures.items()},
                }
                for row in self.methods
            ],
            "notes": list(self.notes),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        }

    def samples_as_jsonl(self) -> str:
        """The items, one a line."""
        return "".join(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in self.samples)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """A table with its head first, in Markdown; numbers to the right."""
    head, *rows = table
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _recorded(figure: Figure) -> dict[str, Any]:
    found = figure.interval
    limits = None if found is None else {"low": found.low, "high": found.high, "level": found.level}
    return {"value": figure.value, "interval": limits}
