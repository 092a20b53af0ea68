"""What contrastive search costs in vLLM: against plain requests of the same prompts, and against the loop that a client
without it would make, which asks for each candidate's continuation by a request of its own.

    python benchmarks/vllm_contrastive_search.py --json out/vllm_contrastive_search.json

One engine in this process, contenders taking turns; prompts are read anew each time. The client's loop is an estimate
from below: it is told which candidate to take, because no server gives it the hidden states that decide.

The machine's own bound is printed along: a step of search reads k rows a request, so it cannot be faster than a step
of k times as many plain requests whose prompts are cached.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from counterfoil.decoding.vllm.engine_limits import SearchLimits
from counterfoil.decoding.vllm.search.model import model_of
from counterfoil.models import language_model_path
from engine_bench import CLOCKS, Engine, Keys, in_turns
from measuring import command, machine
from random_llamas import texts
from rich.console import Console
from rich.table import Table

VOCABULARY = 40_000


class SearchBench(Engine):
    """An engine with contrastive search."""

    def __init__(self, new_tokens: int, clock: Callable[[], float], longest: int, requests: int) -> None:
        options = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 256, "skip_tokenizer_init": False}
        options |= {"max_model_len": longest, "block_size": 32}
        super().__init__(language_model_path(), clock, contrastive_search=True, search_requests=requests, **options)
        self.new_tokens = new_tokens
        self.candidates = model_of(self.config).candidates
        limits = SearchLimits.of(self.config)
        assert limits is not None
        self.limits, self.blocks = limits, self.candidates.history.blocks

    def search(self, prompts: list[list[int]], top_k: int) -> float:
        """Return seconds that these requests take with contrastive search."""
        keys = {"cf_method": "contrastive_search", "cf_top_k": top_k}
        return self.seconds(prompts, [keys] * len(prompts), self.new_tokens)

    def counted(self, prompts: list[list[int]], top_k: int) -> dict[str, float]:
        """Return forwards a token and rows a forward of these requests, those of the prompts left out."""
        before = dict(self.candidates.counts)
        self.search(prompts, top_k)
        made = {name: count - before.get(name, 0) for name, count in self.candidates.counts.items()}
        forwards = made["forwards"] + made["extra_forwards"]
        rows = made["rows"] - sum(map(len, prompts))
        return {"forwards a token": forwards / self.new_tokens, "rows a forward": rows / forwards}

    def step(self, prompts: list[list[int]], rows: int) -> float:
        """Return seconds of a step of plain requests, `rows` of each prompt; the prompts are left out."""
        many = [prompt for prompt in prompts for _ in range(rows)]
        none: list[Keys] = [None] * len(many)
        taken = {}
        for new in (1, 2, self.new_tokens):  # the first fills the prefix cache
            start = self.clock()
            self.outputs(many, none, new)
            taken[new] = self.clock() - start
        return (taken[self.new_tokens] - taken[2]) / (self.new_tokens - 2)

    def client_loop(self, prompts: list[list[int]], top_k: int) -> float:
        """Return seconds of the loop of a client: each candidate is a request of one token, prompts are cached."""
        from vllm import SamplingParams  # noqa: PLC0415

        params = SamplingParams(temperature=0, max_tokens=1, logprobs=top_k, detokenize=False)
        self.core.scheduler.reset_prefix_cache()
        start = self.clock()
        sequences = [list(prompt) for prompt in prompts]
        candidates = self._next(sequences, params, top_k)
        for _ in range(self.new_tokens):
            tried = [[*one, token] for one, tokens in zip(sequences, candidates, strict=True) for token in tokens]
            following = self._next(tried, params, top_k)
            sequences, candidates = tried[::top_k], following[::top_k]
        return self.clock() - start

    def _next(self, sequences: list[list[int]], params: Any, top_k: int) -> list[list[int]]:
        found = self.llm.generate([{"prompt_token_ids": ids} for ids in sequences], params, use_tqdm=False)
        return [list(output.outputs[0].logprobs[0])[:top_k] for output in found]

    def extra_cache(self) -> float:
        """Return the bytes of the hidden history over those of the model's own cache."""
        layers = self.candidates._layers
        own = sum(layer.kv_cache.nbytes for layer in layers)
        return self.candidates.history.kv_cache.nbytes / own


def measured(bench: SearchBench, size: int, prompt_tokens: int, top_k: int, rounds: int, loop: bool) -> dict[str, Any]:
    """Return what `size` requests cost, best of the rounds."""
    prompts = texts(size, [prompt_tokens], VOCABULARY, 1)
    contenders: dict[str, Callable[[], float]] = {
        "search": lambda: bench.search(prompts, top_k),
        "plain": lambda: bench.seconds(prompts, [None] * size, bench.new_tokens),
    }
    seconds = in_turns(contenders, rounds)
    best = {name: min(taken) for name, taken in seconds.items()}
    if loop:
        best["client's loop"] = bench.client_loop(prompts, top_k)
    setting = {"requests": size, "prompt tokens": prompt_tokens, "k": top_k}
    steps = {rows: min(bench.step(prompts, rows) for _ in range(rounds)) for rows in (1, top_k)}
    more = bench.new_tokens * (steps[top_k] - steps[1])
    ratios = {"throughput": best["plain"] / best["search"], "bound": best["plain"] / (best["plain"] + more)}
    return {**setting, "seconds": seconds, "best": best, "steps": steps, **ratios, **bench.counted(prompts, top_k)}


def beside(bench: SearchBench, size: int, prompt_tokens: int, rounds: int) -> dict[str, Any]:
    """Return seconds of plain requests in an engine with contrastive search, over one without, best of the rounds.

    Without: the model's forward is vLLM's own, and the processor is out of the engine.
    """
    prompts = texts(size, [prompt_tokens], VOCABULARY, 2)
    model = model_of(bench.config)

    def off() -> float:
        with bench.without_plug_in():
            model.forward = super(type(model).__mro__[1], model).forward
            try:
                return bench.seconds(prompts, [None] * size, bench.new_tokens)
            finally:
                del model.forward

    seconds = in_turns({"on": lambda: bench.seconds(prompts, [None] * size, bench.new_tokens), "off": off}, rounds)
    best = {name: min(taken) for name, taken in seconds.items()}
    return {"requests": size, "seconds": seconds, "best": best, "extra": best["on"] / best["off"] - 1}


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--top-k", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--prompt-tokens", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--loop", type=int, nargs="*", default=[1, 8], help="sizes for which the client's loop runs")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: seconds of the processor, for a machine that is not idle"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    longest = max(arguments.prompt_tokens) + arguments.new_tokens
    bench = SearchBench(arguments.new_tokens, CLOCKS[arguments.clock], longest, max(arguments.requests))
    rows = []
    timed = ("search, s", "plain, s", "plain / search", "bound")
    columns = ("requests", "prompt", "k", *timed, "forwards a token", "client's loop")
    console, table = Console(width=120), Table(*columns)
    for prompt_tokens in arguments.prompt_tokens:
        for size in arguments.requests:
            for top_k in arguments.top_k:
                loop = size in arguments.loop and prompt_tokens == min(arguments.prompt_tokens)
                row = measured(bench, size, prompt_tokens, top_k, arguments.rounds, loop)
                rows.append(row)
                table.add_row(*_cells(row))
    console.print(table)
    extra = beside(bench, 8, min(arguments.prompt_tokens), max(arguments.rounds, 5))
    cache = bench.extra_cache()
    console.print(f"plain requests beside it: {extra['extra']:+.1%}; hidden history: {cache:.1%} of the cache")
    console.print(f"scratch: {bench.limits.scratch_blocks} of {bench.blocks} blocks")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "command": command(),
            "machine": machine(),
            "options": vars(arguments) | {"json": str(arguments.json)},
        }
        found = {"searches": rows, "plain": extra, "history": cache, "scratch blocks": bench.limits.scratch_blocks}
        arguments.json.write_text(json.dumps({**record, **found}, indent=1))


def _cells(row: Mapping[str, Any]) -> list[str]:
    best = row["best"]
    loop = best.get("client's loop")
    return [
        str(row["requests"]), str(row["prompt tokens"]), str(row["k"]), f"{best['search']:.2f}", f"{best['plain']:.2f}",
        f"{row['throughput']:.2f}", f"{row['bound']:.2f}", f"{row['forwards a token']:.3f}",
        f"{loop / best['search']:.1f} x" if loop else "",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
