"""Contrastive decoding in vLLM: the two views of a request run in one engine, batched with all other requests.

The folders are vLLM's processes: `server/` runs in the API server, `engine/` in the engine core, `worker/` in the
workers; `amateur/` is an engine with two models, `search/` one with contrastive search, `exits/` one with early exits.
What lies beside them travels between processes or runs in several.

The rest of `counterfoil.decoding` does not import this package, and nothing here registers itself with vLLM: an engine
serves contrasts if it was started with :func:`llm_kwargs` or by `counterfoil serve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SCHEDULER = "counterfoil.decoding.vllm.engine.scheduler.pair_scheduler"
PROCESSOR = "counterfoil.decoding.vllm.worker.logits_processor:PairLogitsProcessor"

__all__ = ["PROCESSOR", "SCHEDULER", "llm_kwargs"]


def llm_kwargs(
    *,
    contrastive_search: bool = False,
    search_requests: int = 16,
    largest_top_k: int = 8,
    early_exits: Sequence[int] = (),
    **options: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return keyword arguments for `vllm.LLM` (or `EngineArgs`) with which an engine serves contrasts.

    Args:
        contrastive_search: Whether the engine serves contrastive search as well. It then keeps the hidden state of
            every token in its cache, which takes 5 to 7 % more of it.
        search_requests: How many requests search at a time; more wait.
        largest_top_k: The largest number of candidates that a request may ask for.
        early_exits: After which layers the model itself can be a contrast (`cf_early_exit`), each at least 1 and below
            the number of layers. The engine then keeps the states of these layers for the tokens of a step.
        options: The engine's other arguments; `logits_processors` among them are kept, and run before the contrast.

    Raises:
        ValueError: If another scheduler is chosen, a number is out of range, or both contrastive search and early exits
            are asked for.

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
    made = {**options, "scheduler_cls": SCHEDULER, "logits_processors": processors}
    if contrastive_search and early_exits:
        raise ValueError(
            f"`early_exits` has to be left out with contrastive search, but is {list(early_exits)}: serve them from "
            "two engines"
        )
    if early_exits:
        from .exits.config import ExitOverrides  # noqa: PLC0415

        made["hf_overrides"] = ExitOverrides(early_exits, options.get("hf_overrides"))
    if contrastive_search:
        from .engine_limits import SearchLimits  # noqa: PLC0415
        from .search.config import PROCESSOR as SEARCH_PROCESSOR  # noqa: PLC0415
        from .search.config import SearchOverrides  # noqa: PLC0415

        processors.append(SEARCH_PROCESSOR)
        made["hf_overrides"] = SearchOverrides(
            SearchLimits(search_requests, largest_top_k), options.get("hf_overrides")
        )
    return made
