"""The benchmarks for a GPU run on a CPU at small shapes, so that they work the first time that there is a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


def run(script: str, out: Path) -> str:
    """Run a script as its documentation says; returns what it prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--device", "cpu", "--tiny", "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.timeout(600)
def test_the_transformers_half(tmp_path: Path) -> None:
    printed = run("gpu.py", tmp_path)
    record = json.loads((tmp_path / "gpu.json").read_text())
    exact = [row for row in record["identity"] if row["dtype"] == "float32"]
    assert {row["method"].split(",")[0] for row in exact} >= {
        "cad", "cfg", "cid", "contrastive_decoding", "contrastive_search", "dola", "vcd", "m3id", "ritual", "code"
    }  # fmt: skip
    assert all(row["right"] == row["of"] for row in exact)
    assert record["complete"]
    assert not [row for row in record["speed"] if "error" in row]
    assert {row["contender"] for row in record["speed"] if "waits a step" in row} >= {"plain", "CAD, batched views"}
    assert (tmp_path / "gpu.md").read_text().strip() in printed


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_the_engine_half(tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    printed = run("gpu_vllm.py", tmp_path)
    record = json.loads((tmp_path / "gpu_vllm.json").read_text())["tiny"]
    assert record["self-test"] == "passed"
    assert all(row["right"] == row["requests"] == 14 for row in record["identity"])
    few_blocks = record["identity"][-1]
    assert few_blocks["preempted pairs"] > 0
    assert record["pairs"][0]["ratio"] > 0
    assert record["plain"][0]["requests"] == 4
    assert (tmp_path / "gpu_vllm.md").read_text().strip() in printed


@pytest.mark.engine
@pytest.mark.parametrize("mode", ["async, V1", "async, V2"])
def test_the_plug_in_is_taken_out_and_put_back(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under Model Runner V2 as well, which no machine without a GPU has: what it holds is laid out as there."""
    pytest.importorskip("vllm", reason="vLLM is not installed")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import torch  # noqa: PLC0415
    from counterfoil.decoding.vllm.engine.scheduler import PairScheduling  # noqa: PLC0415
    from counterfoil.decoding.vllm.worker.logits_processor import WRAPPED, PairLogitsProcessor  # noqa: PLC0415
    from engine_bench import without_plug_in  # noqa: PLC0415
    from vllm.v1.core.sched.scheduler import Scheduler  # noqa: PLC0415

    from tests.support.pair_workload import Workload  # noqa: PLC0415

    scheduler = Workload(0, mode).scheduler
    other = object()
    if mode.endswith("V2"):
        from vllm.v1.worker.gpu.sample.sampler import Sampler  # noqa: PLC0415

        processors = [other, PairLogitsProcessor(None, SimpleNamespace(device=torch.device("cpu")))]
        runner = SimpleNamespace(sampler=SimpleNamespace(logits_processors=processors))
    else:
        from vllm.v1.sample.sampler import Sampler  # noqa: PLC0415

        processors = [other, PairLogitsProcessor(None, torch.device("cpu"), False)]
        held = SimpleNamespace(logitsprocs=SimpleNamespace(non_argmax_invariant=processors))
        runner = SimpleNamespace(input_batch=held)
    before = list(processors)
    with without_plug_in(scheduler, runner):
        assert processors == [other]
        assert not hasattr(Sampler.sample, WRAPPED)
        assert type(scheduler).update_from_output is Scheduler.update_from_output
    assert processors == before
    assert hasattr(Sampler.sample, WRAPPED)
    assert type(scheduler).update_from_output is PairScheduling.update_from_output
