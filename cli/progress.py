"""Progress bars on standard error while somebody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from counterfoil.attribution import CitationReport
    from counterfoil.attribution.entailment.cached import Progress as Judged
    from counterfoil.attribution.io.files import Scored

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


class Pace:
    """One line while somebody watches: answers scored, pairs judged, pairs a second.

    Args:
        show: Shows the line.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._began = time.monotonic()
        self._answers = 0
        self._pairs = "no pairs yet"

    def judged(self, judged: Judged) -> None:
        """Show how many pairs have been judged."""
        rate = judged.judged / max(time.monotonic() - self._began, 1e-9)
        self._pairs = f"{judged.judged} of {judged.asked - judged.remembered} pairs judged, {rate:.1f}/s"
        if judged.remembered:
            self._pairs += f", {judged.remembered} remembered"
        self._show(f"{self._answers} answers scored, {self._pairs}")

    def reports(self, stream: Iterator[Scored]) -> Iterator[CitationReport | None]:
        """Yield the reports of the records, counting them."""
        for scored in stream:
            self._answers += 1
            self._show(f"{self._answers} answers scored, {self._pairs}")
            yield scored.report
