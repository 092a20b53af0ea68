"""What the benchmarks of vLLM share: an engine in this process, requests for it, and the plug-in taken out of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

os.environ.update({"VLLM_ENABLE_V1_MULTIPROCESSING": "0"})
for key, value in {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "2",
    # Threads that are bound to cores wait for each other wherever something else runs on one.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # Products of float32 are float32 in Triton's kernels too, or near ties fall the other way.
    "TRITON_F32_DEFAULT": "ieee",
}.items():
    os.environ.setdefault(key, value)

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Keys = dict[str, Any] | None


class Engine:
    """An engine with pairs.

    Args:
        model: Its folder.
        clock: What measures its seconds.
        options: For `vllm.LLM`.
    """

    def __init__(self, model: str, clock: Callable[[], float] = time.perf_counter, **options: Any) -> None:
        from counterfoil.decoding.vllm import llm_kwargs  # noqa: PLC0415  (not before the environment is set)
        from vllm import LLM  # noqa: PLC0415

        started = time.monotonic()
        self.llm = LLM(model, **llm_kwargs(**{"skip_tokenizer_init": True, "seed": 0, **options}))
        self.seconds_to_start = time.monotonic() - started
        self.core = self.llm.llm_engine.engine_core.engine_core
        self.config = self.llm.llm_engine.vllm_config
        self.clock = clock

    @property
    def runner(self) -> Any:
        return self.core.model_executor.driver_worker.worker.model_runner

    def described(self) -> dict[str, Any]:
        """Return which of vLLM's parts it is made of."""
        import torch  # noqa: PLC0415
        import vllm  # noqa: PLC0415

        config = self.config
        return {
            "vllm": vllm.__version__,
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "runner": f"{type(self.runner).__module__}.{type(self.runner).__name__}",
            "V2": bool(config.use_v2_model_runner),
            "scheduler": type(self.core.scheduler).__name__,
            "asynchronous": bool(config.scheduler_config.async_scheduling),
            "attention": str(config.attention_config.backend),
            "graphs": str(config.compilation_config.cudagraph_mode),
            "dtype": str(config.model_config.dtype),
            "seconds to start": round(self.seconds_to_start, 1),
        }

    def outputs(self, prompts: list[list[int]], keys: list[Keys], new: int, cached: bool = True) -> list[list[int]]:
        """Return the continuations of `new` tokens, all asked for at once."""
        from vllm import SamplingParams  # noqa: PLC0415

        params = [
            SamplingParams(
                temperature=0, max_tokens=new, ignore_eos=True, detokenize=False, extra_args=extra,
                skip_reading_prefix_cache=not cached,
            )
            for extra in keys
        ]  # fmt: skip
        found = self.llm.generate([{"prompt_token_ids": ids} for ids in prompts], params, use_tqdm=False)
        return [list(output.outputs[0].token_ids) for output in found]

    def seconds(self, prompts: list[list[int]], keys: list[Keys], new: int) -> float:
        """Return what these requests take, all at once, their prompts read anew."""
        start = self.clock()
        found = self.outputs(prompts, keys, new, cached=False)
        taken = self.clock() - start
        assert all(len(tokens) == new for tokens in found)
        return taken

    @contextmanager
    def scarce(self, budget: int | None = None, blocks: int | None = None) -> Iterator[None]:
        """Give it for a while so many tokens a step, so many free blocks of the cache, and an empty prefix cache."""
        scheduler, pool = self.core.scheduler, self.core.scheduler.kv_cache_manager.block_pool
        before = scheduler.max_num_scheduled_tokens
        scheduler.reset_prefix_cache()
        taken = pool.get_new_blocks(pool.get_num_free_blocks() - blocks) if blocks is not None else []
        scheduler.max_num_scheduled_tokens = budget or before
        try:
            yield
        finally:
            scheduler.max_num_scheduled_tokens = before
            pool.free_blocks(taken)

    def counted(self) -> dict[str, int]:
        """Return what pairs have counted, and what is `left` of them; nothing may be."""
        scheduler = self.core.scheduler
        return {"left": len(scheduler.requests) + len(list(scheduler.pairs)), **scheduler.pair_stats}

    def without_plug_in(self) -> Any:
        """Take the plug-in out of vLLM for a while, as a context."""
        return without_plug_in(self.core.scheduler, self.runner)


def _sampling_parts(runner: Any) -> tuple[Any, list[Any]]:
    """Return the class that samples for a model runner, and the list of its logits processors."""
    if hasattr(runner, "input_batch"):
        from vllm.v1.sample.sampler import Sampler  # noqa: PLC0415

        return Sampler, runner.input_batch.logitsprocs.non_argmax_invariant
    from vllm.v1.worker.gpu.sample.sampler import Sampler as SlotSampler  # noqa: PLC0415

    return SlotSampler, runner.sampler.logits_processors


@contextmanager
def without_plug_in(scheduler: Any, runner: Any) -> Iterator[None]:
    """Put vLLM's own methods, sampler and processors in their places for a while; under both model runners."""
    from counterfoil.decoding.vllm.engine.scheduler import PairScheduling  # noqa: PLC0415
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler  # noqa: PLC0415
    from vllm.v1.core.sched.scheduler import Scheduler  # noqa: PLC0415

    sampler, processors = _sampling_parts(runner)
    before = scheduler.__class__, sampler.sample, list(processors)
    # A class of its own layout cannot take another's place, one with vLLM's own methods put back can.
    plain = AsyncScheduler if isinstance(scheduler, AsyncScheduler) else Scheduler
    overridden = [name for name in vars(PairScheduling) if hasattr(plain, name) and not name.startswith("__")]
    own = {name: getattr(plain, name) for name in overridden}
    scheduler.__class__ = type("PlainScheduler", (type(scheduler),), own)
    sampler.sample = sampler.sample.__wrapped__
    processors[:] = [one for one in processors if not type(one).__module__.startswith("counterfoil")]
    assert len(processors) < len(before[2])
    try:
        yield
    finally:
        scheduler.__class__, sampler.sample, processors[:] = before


def in_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return seconds of each contender in each round, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, run in contenders.items():
            taken = run()
            if turn:
                seconds[name].append(taken)
    return seconds


def pairs_against_plain(
    engine: Engine, prompts: tuple[list[list[int]], list[list[int]]], new: int, rounds: int
) -> dict[str, Any]:
    """Return the throughput of N pairs over that of 2N plain requests of the same prompts, best of the rounds."""
    mains, others = prompts
    keys: list[Keys] = [{"cf_method": "cad", "cf_strength": 0.5, "cf_contrast_ids": other} for other in others]
    none: list[Keys] = [None] * len(mains)
    seconds = in_turns(
        {
            "pairs": lambda: engine.seconds(mains, keys, new),
            "plain": lambda: engine.seconds(mains + others, none + none, new),
            "mains": lambda: engine.seconds(mains, none, new),
        },
        rounds,
    )
    best = {name: min(taken) for name, taken in seconds.items()}
    return {"pairs": len(mains), "seconds": seconds, "best": best, "ratio": best["plain"] / best["pairs"]}


def plain_latency(engine: Engine, prompts: list[list[int]], new: int, rounds: int) -> dict[str, Any]:
    """Return seconds of plain requests with the plug-in and without, and the rounds' own ratios."""
    none: list[Keys] = [None] * len(prompts)

    def without() -> float:
        with engine.without_plug_in():
            return engine.seconds(prompts, none, new)

    seconds = in_turns({"on": lambda: engine.seconds(prompts, none, new), "off": without}, rounds)
    best = {name: min(taken) for name, taken in seconds.items()}
    ratios = sorted(on / off for on, off in zip(seconds["on"], seconds["off"], strict=True))
    return {"requests": len(prompts), "seconds": seconds, "best": best, "extra": ratios[len(ratios) // 2] - 1}
