"""What pairs cost in vLLM: N of them against 2N plain requests of the same prompts; and plain requests with the plug-in
on and no pair, against vLLM as it is.

    python benchmarks/vllm_pairs.py --json out/vllm_pairs.json

One engine in this process, contenders taking turns; prompts are read anew each time. For the second table the plug-in
is taken out of the engine and put back in between turns: its scheduler's class, its logits processor, its sampler.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from counterfoil.decoding.vllm import llm_kwargs
from counterfoil.models import language_model_path
from measuring import machine
from rich.console import Console
from rich.table import Table

os.environ.update({"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"})
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
# Threads that are bound to cores wait for each other wherever something else runs on one.
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Bench:
    """An engine with pairs, and requests for it."""

    def __init__(self, new_tokens: int, clock: Callable[[], float], **more: Any) -> None:
        from vllm import LLM  # noqa: PLC0415  (not before the environment is set)

        options = {"dtype": "float32", "enforce_eager": True, "max_model_len": 1024, "max_num_seqs": 128}
        self.llm = LLM(language_model_path(), **llm_kwargs(**{**options, **more}))
        self.core = self.llm.llm_engine.engine_core.engine_core
        self.new_tokens, self.clock = new_tokens, clock

    def serve(self, prompts: list[list[int]], keys: list[dict[str, Any] | None]) -> float:
        """Return seconds that these requests take, all at once."""
        from vllm import SamplingParams  # noqa: PLC0415

        params = [
            SamplingParams(
                temperature=0,
                max_tokens=self.new_tokens,
                ignore_eos=True,
                detokenize=False,
                skip_reading_prefix_cache=True,
                extra_args=extra,
            )
            for extra in keys
        ]
        start = self.clock()
        found = self.llm.generate([{"prompt_token_ids": ids} for ids in prompts], params, use_tqdm=False)
        seconds = self.clock() - start
        assert all(len(output.outputs[0].token_ids) == self.new_tokens for output in found)
        return seconds

    @contextmanager
    def without_plug_in(self) -> Iterator[None]:
        """Take the plug-in out of vLLM for a while."""
        from counterfoil.decoding.vllm.engine.scheduler import PairScheduling  # noqa: PLC0415
        from vllm.v1.core.sched.async_scheduler import AsyncScheduler  # noqa: PLC0415
        from vllm.v1.core.sched.scheduler import Scheduler  # noqa: PLC0415
        from vllm.v1.sample.sampler import Sampler  # noqa: PLC0415

        scheduler = self.core.scheduler
        runner = self.core.model_executor.driver_worker.worker.model_runner
        processors = runner.input_batch.logitsprocs.non_argmax_invariant
        before = scheduler.__class__, Sampler.sample, list(processors)
        # A class of its own layout cannot take another's place, one with vLLM's own methods put back can.
        plain = AsyncScheduler if isinstance(scheduler, AsyncScheduler) else Scheduler
        overridden = [name for name in vars(PairScheduling) if hasattr(plain, name) and not name.startswith("__")]
        own = {name: getattr(plain, name) for name in overridden}
        scheduler.__class__ = type("PlainScheduler", (type(scheduler),), own)
        Sampler.sample = Sampler.sample.__wrapped__
        processors[:] = [one for one in processors if not type(one).__module__.startswith("counterfoil")]
        assert len(processors) < len(before[2])
        try:
            yield
        finally:
            scheduler.__class__, Sampler.sample, processors[:] = before


def random_prompts(count: int, tokens: int, seed: int) -> list[list[int]]:
    """Return prompts of random token ids."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(100, 40_000, (count, tokens), generator=generator).tolist()


def in_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return seconds of each contender in each round, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, run in contenders.items():
            taken = run()
            if turn:
                seconds[name].append(taken)
    return seconds


def pairs_against_plain(bench: Bench, sizes: list[int], prompt_tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Return for each N the throughput of N pairs over that of 2N plain requests, best of the rounds."""
    rows = []
    for size in sizes:
        mains, others = random_prompts(size, prompt_tokens, 1), random_prompts(size, prompt_tokens, 2)
        keys = [{"cf_method": "cad", "cf_strength": 0.5, "cf_contrast_ids": other} for other in others]
        seconds = in_turns(
            {
                "pairs": lambda mains=mains, keys=keys: bench.serve(mains, keys),
                "plain": lambda mains=mains, others=others: bench.serve(mains + others, [None] * 2 * len(mains)),
                "mains": lambda mains=mains: bench.serve(mains, [None] * len(mains)),
            },
            rounds,
        )
        best = {name: min(taken) for name, taken in seconds.items()}
        rows.append({"pairs": size, "seconds": seconds, "best": best, "ratio": best["plain"] / best["pairs"]})
    return rows


def plain_latency(bench: Bench, sizes: list[int], prompt_tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Return for each batch seconds with the plug-in over seconds without, the median of the rounds' own ratios."""
    rows = []
    for size in sizes:
        prompts = random_prompts(size, prompt_tokens, 3)

        def with_it(prompts: list[list[int]] = prompts) -> float:
            return bench.serve(prompts, [None] * len(prompts))

        def without(prompts: list[list[int]] = prompts) -> float:
            with bench.without_plug_in():
                return bench.serve(prompts, [None] * len(prompts))

        seconds = in_turns({"on": with_it, "off": without}, rounds)
        ratios = [on / off for on, off in zip(seconds["on"], seconds["off"], strict=True)]
        best = {name: min(taken) for name, taken in seconds.items()}
        rows.append({"requests": size, "seconds": seconds, "best": best, "extra": statistics.median(ratios) - 1})
    return rows


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--requests", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-rounds", type=int, default=9)
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: seconds of the processor, for a machine that is not idle"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.new_tokens, CLOCKS[arguments.clock])
    console = Console()
    pairs = pairs_against_plain(bench, arguments.pairs, arguments.prompt_tokens, arguments.rounds)
    table = Table("pairs", "N pairs, s", "2N plain, s", "N plain, s", "pairs / 2N plain")
    for row in pairs:
        best = row["best"]
        cells = [f"{best['pairs']:.2f}", f"{best['plain']:.2f}", f"{best['mains']:.2f}", f"{row['ratio']:.2f}"]
        table.add_row(str(row["pairs"]), *cells)
    console.print(table)
    latency = plain_latency(bench, arguments.requests, arguments.prompt_tokens, arguments.latency_rounds)
    table = Table("plain requests", "plug-in on, s", "off, s", "extra latency")
    for row in latency:
        best = row["best"]
        table.add_row(str(row["requests"]), f"{best['on']:.2f}", f"{best['off']:.2f}", f"{row['extra']:+.1%}")
    console.print(table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        record = {"machine": machine(), "options": vars(arguments) | {"json": str(arguments.json)}}
        arguments.json.write_text(json.dumps({**record, "pairs": pairs, "latency": latency}, indent=1))


if __name__ == "__main__":
    main()
