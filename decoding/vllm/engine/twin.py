"""The second request of a pair, made inside the engine core.

Made there, it is nobody's: no client can lose it, there is no second stream to hide from the API, and aborts, stop
strings, `n > 1` and streaming stay what they were for the main request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vllm.platforms import current_platform  # pyright: ignore[reportMissingImports]
from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

from ..contrast_params import PairRequest, has_contrast_keys
from ..member import KEY, Member
from .images import other_features
from .pair_requests import MARK

if TYPE_CHECKING:
    from vllm.config import VllmConfig  # pyright: ignore[reportMissingImports]


def make_twin(main: Request, contrast: PairRequest, *, max_tokens: int, config: VllmConfig) -> Request:
    """The twin of `main`: the other prompt, and nothing of its own to say.

    It takes every token from the main request and never ends by itself before that one: it knows no stop token, and its
    length is the same. What shapes a distribution (penalties, grammar, bias, top-k) is the main request's business and
    would only distort the logits that the rule reads.

    Args:
        main: The client's request.
        contrast: What it asked for.
        max_tokens: How many tokens both halves have room for.
        config: The engine's.

    Raises:
        ValueError: The pictures of the request cannot be changed as the method asks, or there is no adapter to leave
            out.
    """
    if contrast.without_adapter:
        _check_adapter(main, config)
    params = main.sampling_params
    assert params is not None
    assert main.prompt_token_ids is not None
    return Request(
        request_id=main.request_id + MARK,
        prompt_token_ids=contrast.other_prompt(main.prompt_token_ids),
        sampling_params=SamplingParams(
            temperature=params.temperature,
            max_tokens=max_tokens,
            ignore_eos=True,
            detokenize=False,
            skip_reading_prefix_cache=params.skip_reading_prefix_cache,
            extra_args={KEY: Member(main.request_id, False, _without_prompt(contrast))},
        ),
        pooling_params=None,
        client_index=main.client_index,
        arrival_time=main.arrival_time,
        mm_features=other_features(main, contrast, config.model_config),
        lora_request=None if contrast.without_adapter else main.lora_request,
        cache_salt=main.cache_salt,
        priority=main.priority,
        block_hasher=main._block_hasher,
    )


def make_main(request: Request, contrast: PairRequest, *, max_tokens: int, own_seed: bool) -> None:
    """Turn a client's request into the main one of a pair.

    Args:
        request: Changed in place.
        contrast: What it asked for.
        max_tokens: How many tokens both halves have room for.
        own_seed: Sample with the seed of the pair instead of the runner's, see
            :mod:`counterfoil.decoding.vllm.worker.token_copy`.
    """
    params = request.sampling_params
    assert params is not None
    foreign = {key: value for key, value in (params.extra_args or {}).items() if not has_contrast_keys({key: value})}
    member = Member(request.request_id, True, _without_prompt(contrast), params.seed if own_seed else None)
    request.sampling_params = params.clone()
    request.sampling_params.extra_args = {**foreign, KEY: member}
    request.sampling_params.max_tokens = request.max_tokens = max_tokens
    if own_seed:
        request.sampling_params.seed = None


def _without_prompt(contrast: PairRequest) -> PairRequest:
    """Workers combine rows; a prompt of thousands of ids need not travel to them with every request."""
    return replace(contrast, contrast_ids=None)


def _check_adapter(main: Request, config: VllmConfig) -> None:
    if main.lora_request is None or config.lora_config is None:
        raise ValueError(
            "`cf_without_adapter` has to go with a request for a LoRA adapter, but this one asks for the model alone"
        )
    if current_platform.is_cpu() and config.lora_config.max_loras < 2:
        # There vLLM 0.32 gives the last adapter's place to requests without one: it has to be empty.
        raise ValueError(
            "`cf_without_adapter` has to find room for one adapter more than are in use on a CPU, but --max-loras is "
            f"{config.lora_config.max_loras}: start the engine with more"
        )
