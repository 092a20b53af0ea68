"""The counters in Prometheus' own registry."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("prometheus_client", reason="vLLM brings it")

from counterfoil.decoding.vllm.metrics import PAIR_COUNTERS, EngineCounters
from prometheus_client import REGISTRY


def value(name: str, engine: str) -> float | None:
    return REGISTRY.get_sample_value(f"counterfoil:{name}_total", {"model_name": "m", "engine": engine})


def test_counters_follow_the_counts_of_each_engine() -> None:
    counts: Counter[str] = Counter()
    first, second = (EngineCounters(PAIR_COUNTERS, "m", engine) for engine in (0, 1))
    first.publish(counts)
    counts.update(pairs=3, held=2, refused=1)
    first.publish(counts)
    first.publish(counts)
    counts.update(pairs=1, violations=1)
    first.publish(counts)
    second.publish(Counter(preempted=5))

    assert [value(name, "0") for name in ("pairs", "held_steps", "preempted_pairs", "violations")] == [4, 2, 0, 1]
    assert [value(name, "1") for name in ("pairs", "held_steps", "preempted_pairs", "violations")] == [0, 0, 5, 0]
