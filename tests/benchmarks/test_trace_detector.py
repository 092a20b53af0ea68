"""The benchmark of the trace keeps what it computed, and its intervals are of premises drawn whole."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "trace_detector.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trace_detector", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_traces_that_were_kept_are_not_computed_again(script: ModuleType, tmp_path: Path) -> None:
    asked = []

    def detector(premise: str, statement: str) -> float:
        asked.append(statement)
        return len(asked)

    path = tmp_path / "out" / "traces.json"
    first = script.KeptTraces(detector, path, ["model"])
    assert (first("p", "one"), first("p", "two")) == (1, 2)
    first.write()
    again = script.KeptTraces(detector, path, ["model"])
    assert (again("p", "two"), again("p", "one")) == (2, 1)
    assert script.KeptTraces(detector, path, ["another"])("p", "one") == 3
    assert asked == ["one", "two", "one"]


def test_the_gain_is_that_of_both_together_over_the_judge(script: ModuleType) -> None:
    truth = np.array([True, False] * 40)
    premises = [f"premise {n // 4}" for n in range(80)]
    perfect, blind = truth.astype(float), np.random.default_rng(0).random(80)
    found = script.intervals(truth, {"trace": perfect, "judge": blind, "together": perfect}, premises)
    assert found["together"] == (1.0, 1.0)
    low, high = found["judge"]
    assert 0.3 < low < 0.5 < high < 0.7
    assert found["gain"] == pytest.approx((1 - high, 1 - low))
    assert script.together(np.stack([perfect, blind], axis=1), truth, premises)[truth].min() > 0.5
