"""vLLM's Model Runner V2 on a CPU: a program that serves pairs and searches in a real engine of that kind.

    python -m tests.support.model_runner_v2 cases.json

Its kernels are Triton's, which compiles for no CPU but has an interpreter. Slow, and real: everything but the kernels'
speed is what runs on a GPU. Triton is not installed beside vLLM for CPUs, which would believe that there is a GPU; this
program alone finds it (:data:`TRITON`).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TRITON = Path(os.environ.get("COUNTERFOIL_TRITON", ROOT / "build" / "triton"))
NEW = 12


def v2_cases(path: Path) -> dict[str, Any]:
    """What the program says, run as a process of its own; the JSON of :func:`main`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TRITON), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(path)],
        check=False,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(path.read_text())


def interpret() -> None:
    """Have Triton interpret kernels, and vLLM take its second model runner."""
    os.environ.update(TRITON_INTERPRET="1", VLLM_USE_V2_MODEL_RUNNER="1")
    import triton.backends  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    class Driver:
        @classmethod
        def is_active(cls) -> bool:
            return True

    triton.backends.backends.clear()
    triton.backends.backends["cpu"] = types.SimpleNamespace(driver=Driver, compiler=None)


def main(path: str) -> None:
    """Write what was found and what is right, `{"runner": ..., "cases": {name: [found, right]}}`."""
    interpret()
    import numpy as np  # noqa: PLC0415
    from vllm import SamplingParams  # noqa: PLC0415

    from tests.support import oracles  # noqa: PLC0415
    from tests.support.engine import Engine  # noqa: PLC0415
    from tests.support.pair_cases import all_logits  # noqa: PLC0415
    from tests.support.search_cases import greedily, keys, searched  # noqa: PLC0415
    from tests.support.tiny_engine import VOCABULARY, tiny_engine  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_engine(Path(folder), max_model_len=96, max_num_seqs=16, search_requests=6)
        few = {"max_model_len": 96, "max_num_seqs": 8, "num_gpu_blocks_override": 64, "skip_tokenizer_init": True}
        exiting = Engine(tiny.folder, early_exits=[1], **few)
    core: Any = tiny.engine.llm.llm_engine.engine_core
    runner = core.engine_core.model_executor.driver_worker.worker.model_runner
    drawn = [random.Random(length).choices(range(3, VOCABULARY), k=length) for length in (1, 5, 24, 31, 40)]

    def asked(extra_args: dict[str, Any] | None = None, **options: Any) -> SamplingParams:
        options = {"temperature": 0, "max_tokens": NEW, "ignore_eos": True, "detokenize": False, **options}
        return SamplingParams(extra_args=extra_args, **options)

    def contrasted(prompt: list[int], other: list[int], new: list[int]) -> list[int]:
        views = [all_logits(tiny.model, ids, new) for ids in (prompt, other)]
        return [int((2 * main - contrast).argmax()) for main, contrast in zip(*views, strict=True)]

    others = [random.Random(-length).choices(range(3, VOCABULARY), k=length) for length in (3, 7, 12)]
    cad = [{"cf_method": "cad", "cf_strength": 1.0, "cf_contrast_ids": other} for other in others]
    right, eight = searched(tiny.model, drawn, NEW), searched(tiny.model, drawn, NEW, 8, 0.4)
    plain = greedily(tiny.model, drawn, NEW)
    cases: dict[str, Any] = {}
    found = tiny.engine.tokens(
        [*drawn, *drawn, *drawn, *drawn[1:4]],
        [*[asked(keys())] * 5, *[asked(keys(8, 0.4))] * 5, *[asked()] * 5, *map(asked, cad)],
    )
    cases["search beside others"] = [found[:10], right + eight]
    cases["plain beside others"] = [found[10:15], plain]
    pairs = [contrasted(*job) for job in zip(drawn[1:4], others, found[15:], strict=True)]
    cases["pairs beside others"] = [found[15:], pairs]
    views = [drawn[1], *others]
    weights = [-0.4, 0.3, -0.2]
    three = {"cf_method": "weighted_sum", "cf_weights": weights, "cf_plausibility": 0, "cf_contrast_ids": others}
    counting = {"cf_method": "m3id", "cf_decay": 0.3, "cf_gate": 1, "cf_contrast_ids": others[0]}
    found = tiny.engine.tokens([drawn[1], drawn[2], drawn[3]], [asked(three), asked(counting), asked()])
    sums = zip(*(all_logits(tiny.model, ids, found[0]) for ids in views), strict=True)
    summed = [oracles.weighted_sum(main, np.stack(rest), weights, plausibility=0) for main, *rest in sums]
    cases["group of four"] = [found[0], [int(row.argmax()) for row in summed]]
    steps = zip(*(all_logits(tiny.model, ids, found[1]) for ids in (drawn[2], others[0])), strict=True)
    counted = [oracles.m3id(a, b, step, decay=0.3, gate=1) for step, (a, b) in enumerate(steps)]
    cases["a method that counts tokens"] = [found[1], [int(row.argmax()) for row in counted]]
    cases["early exits"] = with_exits(exiting, tiny.model, drawn[1:4], others[1], asked)
    preempted = tiny.engine.count_preempted()
    with tiny.engine.scarce(blocks=5):
        cases["search preempted"] = [tiny.engine.tokens(drawn[2:], [asked(keys())] * 3), right[2:]]
    sampled = asked(cad[0], temperature=1.3, seed=4, max_tokens=NEW)
    alone = tiny.engine.tokens([drawn[1]], [sampled])
    cases["seeded pairs"] = [tiny.engine.tokens([drawn[1], drawn[2]], [sampled, asked(cad[1])])[:1], alone]
    counts = dict(tiny.engine.candidates.counts)
    Path(path).write_text(
        json.dumps(
            {
                "runner": [base.__module__ for base in type(runner).__mro__],
                "preempted": len(preempted),
                "counts": counts,
                "cases": cases,
            }
        )
    )


def with_exits(engine: Any, model: Any, prompts: list[list[int]], expert: list[int], asked: Any) -> list[list[Any]]:
    """DExperts with the early exit for its anti-expert, and contrastive decoding against it, beside a plain request;
    and what full forwards make of them."""
    import numpy as np  # noqa: PLC0415

    from tests.support import oracles  # noqa: PLC0415
    from tests.support.pair_cases import all_logits, early_logits  # noqa: PLC0415

    experts = {"cf_method": "dexperts", "cf_strength": 0.5, "cf_contrast_ids": expert, "cf_early_exit": 1}
    amateur = {"cf_method": "contrastive_decoding", "cf_early_exit": 1}
    steered, alone, _ = found = engine.tokens(prompts, [asked(experts), asked(amateur), asked()])
    views = [all_logits(model, prompts[0], steered), all_logits(model, expert, steered)]
    steps = zip(*views, early_logits(model, 1, prompts[0], steered), strict=True)
    right = [int(oracles.dexperts(main, np.stack(rest), strength=0.5).argmax()) for main, *rest in steps]
    pairs = zip(all_logits(model, prompts[1], alone), early_logits(model, 1, prompts[1], alone), strict=True)
    return [found[:2], [right, [int(oracles.contrastive_decoding(*pair).argmax()) for pair in pairs]]]


if __name__ == "__main__":
    main(sys.argv[1])
