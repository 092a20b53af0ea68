"""The table of a support model on labelled pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .measures import Bin, calibration_error


@dataclass(frozen=True)
class SourceFigures:
    """Figures of one source.

    Args:
        source: Its name.
        pairs: Pairs that were judged.
        supported: Share of them that is supported.
        balanced_accuracy: At the model's threshold.
        interval: 95% bootstrap interval of it, premises drawn whole.
        auroc: Area under the ROC curve.
        failures: Pairs without a verdict; they are in no other figure.
    """

    source: str
    pairs: int
    supported: float
    balanced_accuracy: float
    interval: tuple[float, float]
    auroc: float
    failures: int


@dataclass(frozen=True)
class EntailmentReport:
    """Figures of one model on one file.

    Args:
        model: Name and revision.
        threshold: Least probability of a supported pair.
        sources: Figures a source, in alphabetical order.
        mean: Mean balanced accuracy of the sources.
        mean_interval: 95% bootstrap interval of the mean.
        reliability: Bins of stated and true support at even odds (each source and each side weigh the same).
        reliability_as_is: The same with each pair weighing the same.
        floors: Balanced accuracy a source of what the model has to beat, by name.
    """

    model: str
    threshold: float
    sources: tuple[SourceFigures, ...]
    mean: float
    mean_interval: tuple[float, float]
    reliability: tuple[Bin, ...]
    reliability_as_is: tuple[Bin, ...]
    floors: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error at even odds."""
        return calibration_error(self.reliability)

    @property
    def calibration_error_as_is(self) -> float:
        """Expected calibration error at the odds of the file."""
        return calibration_error(self.reliability_as_is)

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            **asdict(self),
            "calibration_error": self.calibration_error,
            "calibration_error_as_is": self.calibration_error_as_is,
        }

    def table(self) -> str:
        """A Markdown table, a line a source and one of means, and the calibration below it."""
        head = ["source", "pairs", "supported", "balanced accuracy", "95% interval", "AUROC", *self.floors, "failed"]
        lines = [[
            figures.source, str(figures.pairs), f"{figures.supported:.2f}", f"{figures.balanced_accuracy:.3f}",
            _span(figures.interval), f"{figures.auroc:.3f}",
            *(f"{floor[figures.source]:.3f}" for floor in self.floors.values()), str(figures.failures),
        ] for figures in self.sources]  # fmt: skip
        lines.append([
            "mean", str(sum(figures.pairs for figures in self.sources)), "", f"{self.mean:.3f}",
            _span(self.mean_interval), f"{sum(f.auroc for f in self.sources) / len(self.sources):.3f}",
            *(f"{sum(floor.values()) / len(floor):.3f}" for floor in self.floors.values()),
            str(sum(figures.failures for figures in self.sources)),
        ])  # fmt: skip
        rows = [head, ["---"] * 2 + ["---:"] * (len(head) - 2), *lines]
        text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        return (
            f"{self.model}, supported from {self.threshold:.3f}\n\n{text}\n\nexpected calibration error: "
            f"{self.calibration_error:.3f} at even odds, {self.calibration_error_as_is:.3f} at the odds of the file"
        )


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
