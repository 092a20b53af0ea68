"""What the benchmarks share: the same allocator for all contenders, turns taken, steps timed, the machine named."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, StoppingCriteria

# glibc gives large blocks back to the system and faults them in again at every step; algorithms that copy caches pay
# for that several times over. The same settings for all contenders measure the algorithms.
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_ARENA_MAX": "1",
}


def with_fixed_allocator() -> None:
    """Start this script again under :data:`ALLOCATOR`, unless it already runs so or on another C library."""
    if platform.libc_ver()[0] == "glibc" and any(os.environ.get(key) != value for key, value in ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})


def command() -> str:
    """Return how this script was called, for the record, as from the root of a checkout."""
    script, *options = sys.argv
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *options])


def write_record(path: Path | None, record: Mapping[str, Any]) -> None:
    """Write what was measured as JSON, if a file is named."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, indent=1)
        # A list of numbers is one line.
        path.write_text(re.sub(r"\[[\s\d.,e+-]+\]", lambda found: " ".join(found[0].split()), text) + "\n")


def machine() -> dict[str, str | int]:
    """Return versions and hardware, for the record."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "processor": torch.cuda.get_device_name() if torch.cuda.is_available() else _cpu(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        **{key: os.environ.get(key, "unset") for key in ALLOCATOR},
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


class StepClock(StoppingCriteria):
    """Notes when each token was decided.

    Args:
        now: The clock to read, in seconds: by default that on the wall.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.times: list[float] = []
        self._now = now

    def tick(self) -> None:
        """Take note that a token has been decided."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.append(self._now())

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:  # type: ignore[override]
        self.tick()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


class TokenClock(StepClock):
    """Notes how long the text was, too: assisted decoding asks its criteria once for several tokens."""

    def __init__(self) -> None:
        super().__init__(busy_seconds())
        self.lengths: list[int] = []

    def __call__(self, input_ids: torch.Tensor, scores: object, **options: object) -> torch.Tensor:  # type: ignore[override]
        self.lengths.append(input_ids.shape[1])
        return super().__call__(input_ids, scores, **options)

    @property
    def seconds_a_token(self) -> float:
        """Return the mean over the tokens behind the first."""
        return (self.times[-1] - self.times[0]) / (self.lengths[-1] - self.lengths[0])


@dataclass
class Spans:
    """Seconds of several runs.

    Attributes:
        first: Each run's first token, with what comes before it: the prompt.
        step: Each run's steps behind it, the mean of the run.
    """

    first: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)


def busy_seconds() -> Callable[[], float]:
    """Return the clock to measure with: that of this process, which others on the machine disturb less, unless a GPU
    works while the process waits."""
    return time.perf_counter if torch.cuda.is_available() else time.process_time


def taking_turns(contenders: Mapping[str, Callable[[StepClock], object]], repetitions: int) -> dict[str, Spans]:
    """Return the spans of each contender, all taking turns; a first round of warming up is thrown away."""
    spans = {name: Spans() for name in contenders}
    for round_number in range(repetitions + 1):
        for name, run in contenders.items():
            clock = StepClock(busy_seconds())
            clock.tick()
            run(clock)
            if round_number:
                begun, first, *rest = clock.times
                spans[name].first.append(first - begun)
                spans[name].step.append((rest[-1] - first) / len(rest))
    return spans


def cost_of_rows(model: PreTrainedModel, rows: Sequence[int], repetitions: int) -> dict[int, list[float]]:
    """Return the seconds that a model's linear layers take for so many rows each: what bounds a step of theirs."""
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    times: dict[int, list[float]] = {count: [] for count in rows}
    with torch.inference_mode():
        for round_number in range(repetitions + 1):
            for count in rows:
                inputs = {layer.in_features: layer.weight.new_ones(1, count, layer.in_features) for layer in layers}
                clock = StepClock(busy_seconds())
                clock.tick()
                for layer in layers:
                    layer(inputs[layer.in_features])
                clock.tick()
                if round_number:
                    times[count].append(clock.times[1] - clock.times[0])
    return times
