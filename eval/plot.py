"""Figures with their intervals, drawn: a row of panels a task, a line a method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import Figure, TaskResult

PANELS = 4
"""The most panels of a task: its first figures that have an interval."""


def plot_results(results: Sequence[TaskResult], path: Path) -> None:
    """Draws the results to a file, whose ending names the format.

    Raises:
        ImportError: Without matplotlib; the message has the `pip install` line.
        ValueError: There is nothing to draw, or the ending is of no format.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure as Drawing  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f'drawing needs matplotlib ({error}): pip install "counterfoil[eval]"') from error
    shown = [(result, _names(result)) for result in results if _names(result)]
    if not shown:
        raise ValueError("there has to be a figure with an interval to draw, but there is none")
    heights = [0.9 + 0.32 * len(result.methods) for result, _ in shown]
    drawing = Drawing(figsize=(3.2 + 2.6 * max(len(names) for _, names in shown), sum(heights)), layout="constrained")
    FigureCanvasAgg(drawing)
    rows: Any = drawing.subfigures(len(shown), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, (result, names) in zip(rows, shown, strict=True):
        row.suptitle(f"{result.task}: {result.model}, {result.n} items", fontsize=9, x=0.01, ha="left")
        panels = row.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for panel, name in zip(panels, names, strict=True):
            _panel(panel, result, name)
    drawing.savefig(path, dpi=150)


def _names(result: TaskResult) -> list[str]:
    names = dict.fromkeys(
        name for row in result.methods for name, figure in row.figures.items() if figure.interval is not None
    )
    return list(names)[:PANELS]


def _panel(panel: Any, result: TaskResult, name: str) -> None:  # noqa: ANN401  (matplotlib's axes)
    rows = list(enumerate(reversed(result.methods)))
    for height, row in rows:
        figure = row.figures.get(name, Figure(None))
        if figure.value is None:
            continue
        if figure.interval is not None:
            panel.plot([figure.interval.low, figure.interval.high], [height, height], color="0.6", linewidth=2)
        panel.plot([figure.value], [height], "o", color="black", markersize=4)
    if "difference" in name:
        panel.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    panel.set_yticks([height for height, _ in rows], [row.label for _, row in rows], fontsize=7)
    panel.set_title(name, fontsize=8)
    panel.tick_params(axis="x", labelsize=7)
    panel.margins(y=0.2)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
