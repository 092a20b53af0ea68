# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Prometheus counters for what an engine serves beside plain requests.

The engine's processes count and the server's process reads, in Prometheus' own way for several processes: each keeps
its numbers in a folder named by `PROMETHEUS_MULTIPROC_DIR`. `counterfoil serve` provides that folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Counter

PAIR_COUNTERS: Mapping[str, tuple[str, str]] = {
    "pairs": ("counterfoil:pairs", "Requests that were served as a pair."),
    "searches": ("counterfoil:searches", "Requests that were served by contrastive search."),
    "held": ("counterfoil:held_steps", "Steps in which one request of a pair waited for the other."),
    "preempted": ("counterfoil:preempted_pairs", "Pairs that gave up their KV cache and read their prompts again."),
    "violations": (
        "counterfoil:violations",
        "Steps in which a request would have sampled without the rest of its pair: never.",
    ),
}
"""Maps the scheduler's name for a count to its name on `/metrics` (which adds `_total`) and its help text."""

SEARCH_COUNTERS: Mapping[str, tuple[str, str]] = {
    "search_steps": ("counterfoil:search_steps", "Forwards that tried candidates of contrastive search."),
    "extra_forwards": (
        "counterfoil:extra_forwards",
        "Forwards for candidates alone: a first token, a preempted request, or no room beside a step.",
    ),
    "fallbacks": (
        "counterfoil:fallbacks",
        "Tokens whose candidates a bias or a grammar made others than those that had been tried.",
    ),
}
"""The same for the counts of contrastive search, by the worker's name for them."""


class EngineCounters:
    """The counters of one engine.

    Args:
        counters: Maps a count to its name and its help text.
        model_name: The name under which the server serves the model.
        engine: The index of the engine among those that share the work.
    """

    def __init__(self, counters: Mapping[str, tuple[str, str]], model_name: str, engine: int) -> None:
        self._seen = dict.fromkeys(counters, 0)
        self._counters = {name: _counter(*named).labels(model_name, str(engine)) for name, named in counters.items()}

    @classmethod
    def of(cls, vllm_config: Any, counters: Mapping[str, tuple[str, str]]) -> EngineCounters:  # noqa: ANN401
        """Make these counters of the engine with this `VllmConfig`."""
        name = vllm_config.model_config.served_model_name
        engine = vllm_config.parallel_config.data_parallel_index
        return cls(counters, name[0] if isinstance(name, list) else name, engine)

    def publish(self, counts: Mapping[str, int]) -> None:
        """Raise the counters to `counts`, which never decrease."""
        for name, seen in self._seen.items():
            count = counts[name]
            if count != seen:
                self._counters[name].inc(count - seen)
                self._seen[name] = count


@cache
def _counter(title: str, documentation: str) -> Counter:
    from prometheus_client import Counter  # noqa: PLC0415

    return Counter(title, documentation, ["model_name", "engine"])
