"""Progress bars on standard error, while somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


class Steps:
    """The steps of a command, one bar each; they vanish when the command is done.

    Nothing is written where standard error is not a terminal.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(
            *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """A bar for one step; without `total` it only says that the step is under way."""
        task = self._progress.add_task(description, total=total)

        def advance(done: int, of: int) -> None:
            self._progress.update(task, completed=done, total=of)

        yield advance
        size = self._progress.tasks[task].total or 1
        self._progress.update(task, completed=size, total=size)
