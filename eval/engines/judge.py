"""What evaluations of entailment models share: asking with progress, and the record beside the figures."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from counterfoil.attribution.entailment import EntailmentModel
from counterfoil.attribution.entailment.cached import CachedEntailment
from counterfoil.attribution.entailment.cached import Progress as Judged

from ..dataset import Source
from ..results import FORMAT, PACKAGES

Progress = Callable[[int, int], None]
"""Called with the number of pairs judged and of those asked for."""


def watched(model: EntailmentModel, progress: Progress | None) -> EntailmentModel:
    """The model behind an engine: each different pair is judged once, the longest first, and `progress` is told."""

    def tell(judged: Judged) -> None:
        if progress is not None:
            progress(judged.judged, judged.asked)

    return CachedEntailment(model, on_progress=tell)


def recorded(
    *,
    task: str,
    task_version: int,
    model: EntailmentModel,
    source: Source,
    n: int,
    settings: Mapping[str, Any],
    found: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The record of an evaluation for JSON; `found` holds the figures. What is not a number is null."""
    record = {
        "format": FORMAT,
        "task": task,
        "version": task_version,
        "model": model.name,
        "threshold": model.threshold,
        "data": {"file": source.name, "sha256": source.sha256, "n": n},
        "settings": dict(settings),
        **found,
        "notes": list(notes),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
    return _defined(record)


def as_json(record: Mapping[str, Any]) -> str:
    """A record as it is written."""
    return json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _defined(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return value
