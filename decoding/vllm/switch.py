"""`COUNTERFOIL_DISABLE=1`: the engine stays vLLM's own, whatever flags it was started with."""

from __future__ import annotations

import os

VARIABLE = "COUNTERFOIL_DISABLE"


def switched_off() -> bool:
    """Whether the environment says that nothing of this plug-in may run."""
    return os.environ.get(VARIABLE, "").strip().lower() not in ("", "0", "false", "no")
