"""How fast pairs are judged, while somebody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from counterfoil.attribution.entailment.cached import Progress


class Pace:
    """One line on standard error: answers scored, pairs judged, pairs a second; nothing where that is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bars.add_task("Scoring")
        self._began = time.monotonic()
        self._answers = 0
        self._pairs = "no pairs yet"

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def scored(self) -> None:
        """One answer more."""
        self._answers += 1
        self._show()

    def judged(self, progress: Progress) -> None:
        """How far the engine has come."""
        rate = progress.judged / max(time.monotonic() - self._began, 1e-9)
        self._pairs = f"{progress.judged} of {progress.asked - progress.remembered} pairs judged, {rate:.1f}/s"
        if progress.remembered:
            self._pairs += f", {progress.remembered} remembered"
        self._show()

    def _show(self) -> None:
        self._bars.update(self._task, description=f"{self._answers} answers scored, {self._pairs}")
