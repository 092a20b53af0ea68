"""A real vLLM engine on SmolLM2, in this process, and the means to make it scarce."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from counterfoil.decoding.vllm import llm_kwargs
from counterfoil.models import language_model_path

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # The scheduler can be looked at, and nothing is left behind when a test fails.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
}


@contextlib.contextmanager
def asynchronous() -> Iterator[None]:
    """Engines that are made meanwhile schedule a step while the last one runs: on a CPU, vLLM's platform switches that
    off, but engine core and model runner can do it."""
    os.environ.update(ENVIRONMENT)
    from vllm.platforms.cpu import CpuPlatform  # noqa: PLC0415

    check = CpuPlatform.check_and_update_config

    def checked(cls: type, config: Any) -> None:
        check(config)
        config.scheduler_config.async_scheduling = True

    CpuPlatform.check_and_update_config = classmethod(checked)
    try:
        yield
    finally:
        CpuPlatform.check_and_update_config = check


class Engine:
    """An engine with pairs.

    Args:
        model: A folder; SmolLM2 if left out.
        options: Of `vllm.LLM`.
    """

    def __init__(self, model: str | None = None, **options: Any) -> None:
        # Not before there is an engine to start: vLLM looks at the environment when it is imported.
        os.environ.update(ENVIRONMENT)
        from vllm import LLM  # noqa: PLC0415

        small = {"dtype": "float32", "enforce_eager": True, "max_model_len": 512, "max_num_seqs": 128, "block_size": 32}
        self.llm = LLM(model or language_model_path(), **llm_kwargs(**{**small, **options}))
        self.scheduler = self.llm.llm_engine.engine_core.engine_core.scheduler

    def outputs(self, prompts: Sequence[Any], params: Sequence[Any], **options: Any) -> list[Any]:
        """What each request gives; prompts are token ids, or what vLLM takes as a prompt."""
        given = [{"prompt_token_ids": prompt} if isinstance(prompt, list) else prompt for prompt in prompts]
        found = self.llm.generate(given, list(params), use_tqdm=False, **options)
        self.check_empty()
        return found

    def tokens(self, prompts: Sequence[Any], params: Sequence[Any], **options: Any) -> list[list[int]]:
        """The first continuation of each."""
        return [list(found.outputs[0].token_ids) for found in self.outputs(prompts, params, **options)]

    @property
    def candidates(self) -> Any:
        """The worker's part of contrastive search, in an engine that has it."""
        from counterfoil.decoding.vllm.search.model import model_of  # noqa: PLC0415

        return model_of(self.llm.llm_engine.vllm_config).candidates

    def count_preempted(self) -> list[str]:
        """The ids of the requests that are preempted from now on."""
        scheduler, found = self.scheduler, []
        preempt = type(scheduler)._preempt_request.__get__(scheduler)

        def counted(request: Any, *args: Any, **kwargs: Any) -> Any:
            found.append(request.request_id)
            return preempt(request, *args, **kwargs)

        scheduler._preempt_request = counted
        return found

    def check_empty(self) -> None:
        """Nothing is left of what has been served."""
        scheduler = self.scheduler
        assert not scheduler.requests
        assert not scheduler.running
        assert not list(scheduler.pairs)
        assert scheduler.pair_stats["violations"] == 0

    @contextlib.contextmanager
    def scarce(
        self, *, budget: int | None = None, slots: int | None = None, blocks: int | None = None
    ) -> Iterator[None]:
        """For a while: so many tokens a step, requests at a time, free cache blocks. The scheduler reads them anew at
        every step, so this is what an engine with such limits does."""
        scheduler, pool = self.scheduler, self.scheduler.kv_cache_manager.block_pool
        before = scheduler.max_num_scheduled_tokens, scheduler.max_num_active_reqs
        scheduler.reset_prefix_cache()
        taken = pool.get_new_blocks(pool.get_num_free_blocks() - blocks) if blocks is not None else []
        scheduler.max_num_scheduled_tokens = budget or before[0]
        scheduler.max_num_active_reqs = slots or before[1]
        try:
            yield
        finally:
            scheduler.max_num_scheduled_tokens, scheduler.max_num_active_reqs = before
            pool.free_blocks(taken)
