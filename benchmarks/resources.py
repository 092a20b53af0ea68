"""Time on a CUDA device, and memory above what a process holds."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import torch
from measuring import StepClock


class EventClock(StepClock):
    """Notes when each token was decided, by CUDA events, which do not make the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[torch.cuda.Event] = []

    def tick(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._events.append(event)

    def read(self) -> None:
        """Turn the events into times, in seconds since the first."""
        torch.cuda.synchronize()
        self.times = [self._events[0].elapsed_time(event) / 1e3 for event in self._events]


class WallClock(StepClock):
    """A step clock that needs no reading at the end."""

    def read(self) -> None:
        """Do nothing."""


def clock_for(device: torch.device) -> EventClock | WallClock:
    """Return CUDA events on a CUDA device, else the wall."""
    return EventClock() if device.type == "cuda" else WallClock()


def _status(field: str) -> float:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", text, flags=re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {field}: memory can be measured on Linux only")
    return int(found[1]) / 1024


class PeakMemory:
    """Peak memory in MiB above what is held when the object is made: of the process, or of the CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        if self._on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated() / 2**20
        else:
            # What loading left over would otherwise be used again unseen.
            ctypes.CDLL("libc.so.6").malloc_trim(0)
            self._before = _status("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")

    def mebibytes(self) -> float:
        """Return the peak so far."""
        peak = torch.cuda.max_memory_allocated() / 2**20 if self._on_gpu else _status("VmHWM")
        return peak - self._before
