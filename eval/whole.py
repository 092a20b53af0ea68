"""A task that does its own asking, for example because it shows images: one function from what was asked to a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .requests import Progress
from .results import TaskResult


@dataclass(frozen=True)
class Asked:
    """What such a task is asked for.

    Args:
        methods: Names with commas between them.
        parameters: Of the methods, by name.
        file: The data, where the task reads any.
        model: Hub id or folder; `None` for the task's own default.
        entailment: Name of the entailment model, for a task that judges.
        limit: How many items; `None` for all.
        seed: Of the draw and of the bootstrap.
        batch_size: How many texts or pictures are read at once.
        progress: Told how far it is.
    """

    methods: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    model: str | None = None
    entailment: str = "local"
    limit: int | None = None
    seed: int = 0
    batch_size: int = 8
    progress: Progress | None = None


@dataclass(frozen=True)
class WholeTask:
    """A task behind one function. It runs in process only, and begins again where it was killed.

    Args:
        name: Of the task.
        version: As of :class:`.task.Task`.
        summary: One line.
        data: The file within the data folder; empty for a task that draws its own.
        methods: What it is run with where none are named.
        evaluate: The function.
        limit: How many items it uses where no number is given.
    """

    name: str
    version: int
    summary: str
    data: str
    methods: str
    evaluate: Callable[[Asked], TaskResult]
    limit: int | None = None
