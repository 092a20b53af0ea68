"""What the benchmarks share: the same allocator for all contenders, turns taken, steps timed, the machine named."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from statistics import median

import torch
from transformers import StoppingCriteria

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
    """Notes when each token was decided."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def tick(self) -> None:
        """Take note that a token has been decided."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.append(time.perf_counter())

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:  # type: ignore[override]
        self.tick()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    @property
    def per_second(self) -> float:
        """Return the steps a second after the first, which has the prefill in it."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])


def interleaved(contenders: Mapping[str, Callable[[StepClock], object]], repetitions: int) -> dict[str, list[float]]:
    """Return steps per second of each contender, all taking turns; a first round of warming up is thrown away."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(repetitions + 1):
        for name, run in contenders.items():
            clock = StepClock()
            run(clock)
            if round_number:
                rates[name].append(clock.per_second)
    return rates


def medians(rates: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each contender."""
    return {name: median(values) for name, values in rates.items()}
