"""Contrastive decoding in vLLM: the two views of a request run in one engine, batched with all other requests.

The folders are vLLM's processes: `server/` runs in the API server, `engine/` in the engine core, `worker/` in the
workers; `amateur/` is an engine with two models. What lies beside them travels between processes or runs in several.

The rest of `counterfoil.decoding` does not import this package, and nothing here registers itself with vLLM: an engine
serves contrasts if it was started with :func:`llm_kwargs` or by `counterfoil serve`.
"""

from __future__ import annotations

from typing import Any

SCHEDULER = "counterfoil.decoding.vllm.engine.scheduler.pair_scheduler"
PROCESSOR = "counterfoil.decoding.vllm.worker.logits_processor:PairLogitsProcessor"

__all__ = ["PROCESSOR", "SCHEDULER", "llm_kwargs"]


def llm_kwargs(**options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return keyword arguments for `vllm.LLM` (or `EngineArgs`) with which an engine serves contrasts.

    Args:
        options: The engine's other arguments; `logits_processors` among them are kept, and run before the contrast.

    Raises:
        ValueError: If another scheduler is chosen.

    Example:
        >>> from vllm import LLM  # doctest: +SKIP
        >>> llm = LLM("HuggingFaceTB/SmolLM2-135M-Instruct", **llm_kwargs())  # doctest: +SKIP
    """
    if options.get("scheduler_cls") is not None:
        raise ValueError(
            f"`scheduler_cls` has to be left out, but is {options['scheduler_cls']!r}: pairs need a scheduler of their "
            "own"
        )
    processors = [*(options.get("logits_processors") or ()), PROCESSOR]
    return {**options, "scheduler_cls": SCHEDULER, "logits_processors": processors}
