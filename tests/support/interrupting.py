"""Processes that a test may interrupt wherever it runs itself."""

from __future__ import annotations

import signal
import subprocess
from typing import Any


def interruptible(command: list[str], **options: Any) -> subprocess.Popen:
    """A process that heeds Ctrl-C. Shells start jobs in the background with it ignored, and children inherit that."""

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(command, preexec_fn=heed, **options)  # noqa: PLW1509  (no threads, and no other way)
