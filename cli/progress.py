"""Progress bars on standard error while somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

Advance = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


class Progress:
    """The steps of a command, one bar each; they vanish when the command is done.

    Nothing is written if standard error is not a terminal.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Bars(
            *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Show a bar for one step; without `total` it only says that the step is under way."""
        task = self._bars.add_task(description, total=total)

        def advance(done: int, of: int) -> None:
            self._bars.update(task, completed=done, total=of)

        yield advance
        size = self._bars.tasks[task].total or 1
        self._bars.update(task, completed=size, total=size)

    @contextmanager
    def status(self, description: str) -> Iterator[Callable[[str], None]]:
        """Show a line whose text is set by what is yielded."""
        task = self._bars.add_task(description, total=None)
        yield lambda text: self._bars.update(task, description=text)


Steps = Progress
"""For the commands of `eval` until they are click commands."""
