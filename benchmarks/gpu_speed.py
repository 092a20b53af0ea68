"""What contrasts cost at the shapes of real models, by the GPU's own clock: the part of `gpu.py` that measures."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from counterfoil.decoding import CADLogitsProcessor, DoLaLogitsProcessor, batched_views, contrastive_search
from counterfoil.decoding.methods import CAD
from random_llamas import Inputs, llama, padded, texts
from torch.profiler import ProfilerActivity, profile
from transformers import DynamicCache, StoppingCriteria

WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
"""Calls by which the host waits for a GPU."""
READS = ("aten::_local_scalar_dense", "aten::nonzero")
"""Operations of which the result is wanted on the host; what is counted where there is no GPU."""


class Clock(StoppingCriteria):
    """Notes when each token was decided, by the GPU's own clock."""

    def __init__(self, device: str) -> None:
        self.on_gpu, self.marks = device == "cuda", []
        self.tick()

    def tick(self) -> None:
        """Take note that a token has been decided; waits for nothing."""
        mark: Any = torch.cuda.Event(enable_timing=True) if self.on_gpu else time.perf_counter()
        if self.on_gpu:
            mark.record()
        self.marks.append(mark)

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:  # type: ignore[override]
        self.tick()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    def _between(self, first: int, last: int) -> float:
        if not self.on_gpu:
            return self.marks[last] - self.marks[first]
        torch.cuda.synchronize()
        return self.marks[first].elapsed_time(self.marks[last]) / 1000

    @property
    def first_token(self) -> float:
        """Return the seconds to the first token."""
        return self._between(0, 1)

    @property
    def steps_per_second(self) -> float:
        """Return the steps a second after the first token."""
        return (len(self.marks) - 2) / self._between(1, -1)


@torch.no_grad()
def two_forwards(model: Any, main: Inputs, contrast: Inputs, new: int, clock: Clock) -> None:
    """Run a bare loop of two cached forwards and the rule, and nothing else."""
    ids = [main["input_ids"], contrast["input_ids"]]
    caches = [DynamicCache(config=model.config) for _ in ids]
    for _ in range(new):
        logits = [
            model(view, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].float()
            for view, cache in zip(ids, caches, strict=True)
        ]
        token = CAD().scores(logits[0], logits[1]).argmax(-1, keepdim=True)
        ids = [token, token]
        clock.tick()


Run = Callable[[int, Clock], object]


def contenders(model: Any, main: Inputs, contrast: Inputs, *, alone: bool) -> dict[str, Run]:
    """Return everybody who decodes from the same prompt, the most wanted first.

    Args:
        model: The model.
        main: The prompts.
        contrast: Those of the contrast.
        alone: Whether those without a second prompt are wanted beside plain decoding.
    """

    def call(new: int, clock: Clock, **options: Any) -> object:
        greedy = {"do_sample": False, "max_new_tokens": new, "stopping_criteria": [clock]}
        return model.generate(**main, **greedy, **options)

    make = functools.partial(CADLogitsProcessor, model, contrast)
    found: dict[str, Run] = {
        "plain": call,
        "CAD, batched views": lambda new, clock: call(
            new, clock, logits_processor=[make()], custom_generate=batched_views
        ),
        "CAD": lambda new, clock: call(new, clock, logits_processor=[make()]),
        "two forwards, bare loop": lambda new, clock: two_forwards(model, main, contrast, new, clock),
    }
    search: dict[str, Run] = {
        "contrastive search, k=4": lambda new, clock: call(
            new, clock, custom_generate=contrastive_search, penalty_alpha=0.6, top_k=4
        ),
        "DoLa": lambda new, clock: call(new, clock, logits_processor=[DoLaLogitsProcessor(model, "high")]),
    }
    return {**found, **(search if alone else {})}


def waits(run: Run, device: str, new: int = 6) -> float:
    """Return how often a step waits for the device, by torch's profiler, the first step left out."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    counts = []
    for tokens in (2, new + 2):
        with profile(activities=activities) as profiler:
            run(tokens, Clock(device))
        names = WAITS if device == "cuda" else READS
        counts.append(sum(event.count for event in profiler.key_averages() if event.key in names))
    return (counts[1] - counts[0]) / new


def measured(run: Run, new: int, rounds: int, device: str) -> dict[str, Any]:
    """Return medians and ranges, after a short run that does not count."""
    run(4, Clock(device))
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    rates, firsts = [], []
    for _ in range(rounds):
        clock = Clock(device)
        run(new, clock)
        rates.append(clock.steps_per_second)
        firsts.append(clock.first_token)
    return {
        "steps/s": statistics.median(rates),
        "range": [min(rates), max(rates)],
        "first token, s": statistics.median(firsts),
        "peak, GiB": torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None,
    }


@dataclass(frozen=True)
class Plan:
    """What is measured, the most wanted first.

    Args:
        device: Where.
        shapes: Of the models, see :data:`random_llamas.SHAPES`.
        dtypes: Their types.
        batches: How many prompts at once.
        prompts: How long they are, in tokens.
        contrasts: How long the other prompts are; 0 for as long as the main ones.
        new: How many tokens are decoded.
        rounds: How often.
        seconds: No measurement begins after so many.
    """

    device: str
    shapes: list[str]
    dtypes: list[torch.dtype]
    batches: list[int]
    prompts: list[int]
    contrasts: list[int]
    new: int
    rounds: int
    seconds: float


def speed(plan: Plan, save: Callable[[dict[str, Any]], None]) -> bool:
    """Measure one model after the other, and save each figure at once; return whether there was time for all."""
    until = time.monotonic() + plan.seconds
    for shape, dtype in product(plan.shapes, plan.dtypes):
        model = llama(shape, plan.device, dtype)
        for tokens, batch, other in product(plan.prompts, plan.batches, plan.contrasts):
            lengths = [tokens, other or tokens]
            views = [
                padded(texts(batch, [length], model.config.vocab_size, seed), plan.device)
                for seed, length in enumerate(lengths)
            ]
            case = {"shape": shape, "dtype": str(dtype).removeprefix("torch."), "batch": batch, "prompt": tokens}
            for name, run in contenders(model, *views, alone=other == plan.contrasts[0]).items():
                if time.monotonic() > until:
                    return False
                row = {**case, "contrast": lengths[1], "contender": name}
                try:
                    row |= measured(run, plan.new, plan.rounds, plan.device)
                    if batch == plan.batches[0]:
                        row["waits a step"] = waits(run, plan.device)
                except Exception as error:  # The others are worth having.
                    row["error"] = f"{type(error).__name__}: {error}"[:300]
                save(row)
        del model
        if plan.device == "cuda":
            torch.cuda.empty_cache()
    return True
