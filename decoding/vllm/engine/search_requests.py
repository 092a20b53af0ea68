"""Requests for contrastive search: which of them an engine admits, and what a worker learns of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..contrast_params import SEARCH, ContrastParams, has_contrast_keys, search_of
from ..engine_limits import EngineLimits, check_sampling

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]


def admit_search(request: Request, contrast: ContrastParams, limits: EngineLimits) -> None:
    """Put the method where the workers find it, in place of the client's keys.

    Args:
        request: The client's request.
        contrast: The contrastive search that it asks for.
        limits: The engine's limits.

    Raises:
        ValueError: If this engine cannot serve the request; with the reason and the remedy.
    """
    params = request.sampling_params
    assert params is not None
    if request.prompt_token_ids is None or request.prompt_embeds is not None or request.resumable:
        raise ValueError(
            "contrastive search has to have a prompt of tokens, all at once, but this one is made of embeddings or "
            "streamed in"
        )
    check_sampling(contrast, params)
    limits.check(contrast, request.num_prompt_tokens)
    foreign = {key: value for key, value in (params.extra_args or {}).items() if not has_contrast_keys({key: value})}
    request.sampling_params = params.clone()
    request.sampling_params.extra_args = {**foreign, SEARCH: contrast.method}


def tokens_beside_candidates(budget: int, running: Iterable[SamplingParams | None]) -> int:
    """Return how many tokens a step may read so that the candidates of running searches find room beside them.

    At least half of the budget, and one for each running request, are left: candidates without room are not lost, but
    take a forward of their own.

    Args:
        budget: The most tokens of a step.
        running: The sampling parameters of the running requests.
    """
    methods = [search_of(params.extra_args) if params is not None else None for params in running]
    candidates = sum(method.top_k - 1 for method in methods if method is not None)
    return max(budget - candidates, budget // 2, min(len(methods), budget))
