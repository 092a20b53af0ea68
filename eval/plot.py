"""Figures with their intervals, drawn: a row of panels a task, a line a row of its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import Figure, Result

PANELS = 4
"""The most panels of a task: its first figures that have an interval."""


def plot_results(results: Sequence[Result], path: Path) -> None:
    """Draw results to a file whose ending names the format; calibration beside them if a result has it.

    Raises:
        ImportError: Without matplotlib; the message has the `pip install` line.
        ValueError: There is nothing to draw, or the ending is of no format.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure as Drawing  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f'drawing needs matplotlib ({error}): pip install "counterfoil[eval]"') from error
    shown = [result for result in results if _names(result)]
    if not shown:
        raise ValueError("there has to be a figure with an interval to draw, but there is none")
    heights = [max(0.9 + 0.32 * len(result.rows), 2.6 * _calibrated(result)) for result in shown]
    widest = max(len(_names(result)) + _calibrated(result) for result in shown)
    drawing = Drawing(figsize=(3.2 + 2.6 * widest, sum(heights)), layout="constrained")
    FigureCanvasAgg(drawing)
    parts: Any = drawing.subfigures(len(shown), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, result in zip(parts, shown, strict=True):
        part.suptitle(f"{result.task}: {result.model}, {result.n} items", fontsize=9, x=0.01, ha="left")
        names = _names(result)
        # Only the panels of figures have the rows as their axis.
        own = part.subfigures(1, 2, width_ratios=[len(names), 1.2]) if _calibrated(result) else [part]
        panels = own[0].subplots(1, len(names), sharey=True, squeeze=False)[0]
        for panel, name in zip(panels, names, strict=True):
            _panel(panel, result, name)
        if _calibrated(result):
            _calibration(own[1].subplots(), result)
    drawing.savefig(path, dpi=150)


def _names(result: Result) -> list[str]:
    names = dict.fromkeys(
        name for row in result.rows for name, figure in row.figures.items() if figure.interval is not None
    )
    return list(names)[:PANELS]


def _calibrated(result: Result) -> bool:
    return "reliability" in result.details


def _panel(panel: Any, result: Result, name: str) -> None:  # noqa: ANN401  (matplotlib's axes)
    rows = list(enumerate(reversed(result.rows)))
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


def _calibration(panel: Any, result: Result) -> None:  # noqa: ANN401
    """Draw stated against true support, at even odds and at the odds of the data."""
    panel.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    for name, key, marker in (("even odds", "reliability", "o"), ("odds of the data", "reliability as is", "s")):
        found = result.details[key]
        points = [(one["probability"], one["supported"]) for one in found["bins"]]
        label = f"{name} (error {found['error']:.3f})"
        panel.plot(*zip(*points, strict=True), marker=marker, markersize=3, linewidth=1, label=label)
    panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    panel.set_title("true share by stated probability of support", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.legend(loc="upper left", frameon=False, fontsize=6)
