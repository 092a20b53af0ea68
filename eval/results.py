"""The one kind of result: rows of figures, the answers behind them, and all that is needed to find it again."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from counterfoil.attribution.statistics import Interval

from .dataset import Dataset

FORMAT = "counterfoil.evaluation/2"
PACKAGES = ("counterfoil", "torch", "transformers", "scipy")


@dataclass(frozen=True)
class Figure:
    """One number of a table.

    Args:
        value: The number, `None` if it is not defined.
        interval: Its confidence interval.
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

    def recorded(self) -> dict[str, Any]:
        """Return the figure for JSON."""
        found = self.interval
        limits = None if found is None else {"low": found.low, "high": found.high, "level": found.level}
        return {"value": self.value, "interval": limits}


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        label: What it is about: a method with its parameters, a subset of the data.
        settings: What distinguishes it from other rows, JSON: parameters with their defaults.
        figures: Numbers by name, the same names in every row that has them.
    """

    label: str
    settings: Mapping[str, Any]
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class Result:
    """What a task found for one model.

    Args:
        task: The task's name.
        version: The task's version: figures of different versions are not comparable.
        model: The model's name.
        dataset: The data.
        n: How many items were used.
        settings: Of the task and of the run.
        rows: Of the table.
        samples: What each item got, for a file of its own.
        notes: What a reader of the table has to know.
        unchecked: How many answers an instrument gave no verdict on.
        details: What else is recorded, JSON.
        row_title: What the rows are.
    """

    task: str
    version: int
    model: str
    dataset: Dataset
    n: int
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    samples: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    unchecked: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    row_title: str = "method"

    @property
    def title(self) -> str:
        """Return task, version, data and model in one line."""
        return f"{self.task} (version {self.version}), {self.n} items of {self.dataset.name}, {self.model}"

    def table(self) -> list[list[str]]:
        """Return the table as text, its head first."""
        names = list(dict.fromkeys(name for row in self.rows for name in row.figures))
        rows = [[row.label, *(str(row.figures[n]) if n in row.figures else "" for n in names)] for row in self.rows]
        return [[self.row_title, *names], *rows]

    def as_markdown(self) -> str:
        """Return the table under its title and the notes below it, in Markdown."""
        notes = "".join(f"\nNote: {note}" for note in self.notes)
        return f"{self.title}\n\n{markdown(self.table())}\n\n[low, high]: 95% interval{notes}\n"

    def recorded(self) -> dict[str, Any]:
        """Return everything but the samples, for JSON; what is not a number is null."""
        return _defined({
            "format": FORMAT,
            "task": self.task,
            "version": self.version,
            "model": self.model,
            "data": {"file": self.dataset.name, "sha256": self.dataset.sha256, "n": self.n},
            "settings": dict(self.settings),
            "rows": [
                {
                    "label": row.label,
                    "settings": dict(row.settings),
                    "figures": {name: figure.recorded() for name, figure in row.figures.items()},
                }
                for row in self.rows
            ],
            "unchecked": self.unchecked,
            "details": dict(self.details),
            "notes": list(self.notes),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        })  # fmt: skip

    def as_json(self) -> str:
        """Return :meth:`recorded` as text."""
        return json.dumps(self.recorded(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    def samples_as_jsonl(self) -> str:
        """Return what each item got, one a line."""
        return "".join(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in self.samples)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table with its head first in Markdown, numbers to the right."""
    head, *rows = table
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _defined(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return value
