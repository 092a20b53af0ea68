# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Prometheus counters of what the pairs of an engine went through.

They are counted in the engine's process and read in the server's, by the way Prometheus has for several processes: a
folder, named by `PROMETHEUS_MULTIPROC_DIR`, in which each keeps its numbers. `counterfoil serve` provides it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Counter

COUNTERS: Mapping[str, tuple[str, str]] = {
    "pairs": ("counterfoil:pairs", "Requests that were served as a pair."),
    "held": ("counterfoil:held_steps", "Steps that a member of a pair waited for the other one."),
    "preempted": ("counterfoil:preempted_pairs", "Pairs that had to give up their cache and start again."),
    "violations": ("counterfoil:violations", "Steps in which a member of a pair sampled without the other: never."),
}
"""By the scheduler's name for it: the name on `/metrics` (which adds `_total`), and what it counts."""


class PairMetrics:
    """The counters of one engine.

    Args:
        model_name: As the server calls it.
        engine: Which of several engines that share the work.
    """

    def __init__(self, model_name: str, engine: int) -> None:
        self._seen = dict.fromkeys(COUNTERS, 0)
        self._counters = {name: _counter(name).labels(model_name, str(engine)) for name in COUNTERS}

    @classmethod
    def of(cls, vllm_config: Any) -> PairMetrics:  # noqa: ANN401  (vllm.config.VllmConfig)
        """Of the engine with this `VllmConfig`."""
        name = vllm_config.model_config.served_model_name
        return cls(name[0] if isinstance(name, list) else name, vllm_config.parallel_config.data_parallel_index)

    def publish(self, counts: Mapping[str, int]) -> None:
        """Bring the counters up to `counts`, which only ever grow."""
        for name, seen in self._seen.items():
            count = counts[name]
            if count != seen:
                self._counters[name].inc(count - seen)
                self._seen[name] = count


@cache
def _counter(name: str) -> Counter:
    from prometheus_client import Counter  # noqa: PLC0415

    title, documentation = COUNTERS[name]
    return Counter(title, documentation, ["model_name", "engine"])
