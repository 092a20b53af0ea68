"""Contrasts in vLLM: two views of one continuation, in one engine, batched with everybody else's requests.

Never imported by the rest of `counterfoil.decoding`, and nothing here registers itself with vLLM: an engine has pairs
if it was started with :func:`llm_kwargs`, or by `counterfoil serve`.
"""

from __future__ import annotations

from typing import Any

SCHEDULER = "counterfoil.decoding.vllm.engine.scheduler.pair_scheduler"
PROCESSOR = "counterfoil.decoding.vllm.worker.logits_processor:PairLogitsProcessor"

__all__ = ["PROCESSOR", "SCHEDULER", "llm_kwargs"]


def llm_kwargs(**options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Keyword arguments for `vllm.LLM` (or `EngineArgs`) that switch pairs on.

    Args:
        options: The engine's other arguments; `logits_processors` among them are kept, and run before the contrast.

    Raises:
        ValueError: A scheduler was chosen already.

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
