"""The reliability diagram of a report."""

from __future__ import annotations

from pathlib import Path

from .report import EntailmentReport


def plot_reliability(report: EntailmentReport, path: Path) -> None:
    """Draws stated against true support, at even odds and at the odds of the file, to an image file.

    Raises:
        ImportError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f'The plot needs matplotlib ({error}): pip install "counterfoil[eval]"') from error
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.add_subplot(xlabel="stated probability of support", ylabel="share that is supported")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label="perfect")
    for name, bins, error, marker in (
        ("even odds", report.reliability, report.calibration_error, "o"),
        ("odds of the file", report.reliability_as_is, report.calibration_error_as_is, "s"),
    ):
        points = [(b.probability, b.supported) for b in bins]
        axes.plot(*zip(*points, strict=True), marker=marker, label=f"{name} (error {error:.3f})")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=report.model)
    axes.legend(loc="upper left", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
