"""How the judge of a server runs, told to the server's processes through their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from counterfoil.decoding.methods.parameters import check_integer

from .sentence_check import PATIENCE

JUDGE = "COUNTERFOIL_JUDGE"
"""The environment variable that names the judge, as :func:`~counterfoil.attribution.load_entailment` takes it; the
other settings have its name with theirs behind it: `COUNTERFOIL_JUDGE_THREADS`."""

LOWEST = 19
"""The niceness of what runs only where nothing else wants the processor."""

MOST_THREADS = 8
"""More threads than this gain a judge of sentences nothing."""


@dataclass(frozen=True)
class JudgeSettings:
    """How the judge of a server runs.

    Args:
        name: Its name.
        threads: On how many threads it computes, at least 1; `None` for one where the engine computes on the same
            processors, and for half of the processors (8 at most) where the engine has a GPU.
        nice: How far it stands back behind all else that wants the processor: what is added to the niceness of the
            server's process, from 0 to 19.
        patience: Seconds that a verdict may take before its sentence goes out unchecked, above 0.

    Raises:
        ValueError: One of them is out of its range.
    """

    name: str = "local"
    threads: int | None = None
    nice: int = LOWEST
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_integer("--judge-threads", self.threads, 1)
        if not 0 <= self.nice <= LOWEST:
            raise ValueError(f"`--judge-nice` has to be from 0 to {LOWEST}, but is {self.nice}")
        if not 0 < self.patience < float("inf"):
            raise ValueError(f"`--judge-patience` has to be a number of seconds above 0, but is {self.patience:g}")

    def environment(self) -> dict[str, str]:
        """Return the variables that tell it."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {_variable(name): str(value) for name, value in values.items() if value is not None}

    @staticmethod
    def told(environment: Mapping[str, str] = os.environ) -> JudgeSettings:
        """Return the settings that an environment tells; what it does not is as by default.

        Raises:
            ValueError: A setting is no number or out of its range; names it.
        """
        kinds = {"name": str, "threads": int, "nice": int, "patience": float}
        found = {}
        for name, kind in kinds.items():
            text = environment.get(_variable(name))
            if not text:
                continue
            try:
                found[name] = kind(text)
            except ValueError as error:
                raise ValueError(f"`{_variable(name)}` has to be a number, but is {text!r}") from error
        return JudgeSettings(**found)

    def threads_beside(self, *, engine_on_cpu: bool) -> int:
        """Return on how many threads it computes.

        Args:
            engine_on_cpu: Whether the engine computes on the processors as well.
        """
        if self.threads is not None:
            return self.threads
        return 1 if engine_on_cpu else max(1, min(MOST_THREADS, len(os.sched_getaffinity(0)) // 2))


def _variable(setting: str) -> str:
    return JUDGE if setting == "name" else f"{JUDGE}_{setting.upper()}"
