# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Prometheus counters for the pairs of an engine.

The engine's process counts and the server's process reads, in Prometheus' own way for several processes: each keeps its
numbers in a folder named by `PROMETHEUS_MULTIPROC_DIR`. `counterfoil serve` provides that folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Counter

COUNTERS: Mapping[str, tuple[str, str]] = {
    "pairs": ("counterfoil:pairs", "Requests that were served as a pair."),
    "held": ("counterfoil:held_steps", "Steps in which one request of a pair waited for the other."),
    "preempted": ("counterfoil:preempted_pairs", "Pairs that gave up their KV cache and read their prompts again."),
    "violations": (
        "counterfoil:violations",
        "Steps in which a request would have sampled without the rest of its pair: never.",
    ),
}
"""Maps the scheduler's name for a count to its name on `/metrics` (which adds `_total`) and its help text."""


class PairMetrics:
    """The counters of one engine.

    Args:
        model_name: The name under which the server serves the model.
        engine: The index of the engine among those that share the work.
    """

    def __init__(self, model_name: str, engine: int) -> None:
        self._seen = dict.fromkeys(COUNTERS, 0)
        self._counters = {name: _counter(name).labels(model_name, str(engine)) for name in COUNTERS}

    @classmethod
    def of(cls, vllm_config: Any) -> PairMetrics:  # noqa: ANN401  (vllm.config.VllmConfig)
        """Make the counters of the engine with this `VllmConfig`."""
        name = vllm_config.model_config.served_model_name
        return cls(name[0] if isinstance(name, list) else name, vllm_config.parallel_config.data_parallel_index)

    def publish(self, counts: Mapping[str, int]) -> None:
        """Raise the counters to `counts`, which never decrease."""
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
