"""The requests of pairs: which belong together, and how one client's request becomes two, or more.

A pair is a request and its contrast. A method that reads several contrasts has a request for each, and everything that
is said of a pair holds for such a group of up to eight. Contrast requests are made inside the engine core. No client
can lose them, no second stream has to be hidden from the API, and aborts, stop strings, `n > 1` and streaming work on
the main request as on any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from vllm.platforms import current_platform  # pyright: ignore[reportMissingImports]
from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

from ..contrast_params import MEMBER, ContrastParams, PairMember, has_contrast_keys
from ..engine_limits import EngineLimits, check_prompt_logprobs
from ..token_trace import with_traces
from .images import contrast_features
from .kv_blocks import room_for_output

if TYPE_CHECKING:
    from vllm.config import VllmConfig  # pyright: ignore[reportMissingImports]
    from vllm.v1.core.kv_cache_manager import KVCacheManager  # pyright: ignore[reportMissingImports]
    from vllm.v1.engine import EngineCoreOutputs  # pyright: ignore[reportMissingImports]

CONTRAST_SUFFIX = "#counterfoil"
"""The id of a contrast request is that of its main request with this at its end, and its index if there are several."""


def contrast_id(main: str, index: int) -> str:
    """Return the id of a main request's contrast request, by its index."""
    return f"{main}{CONTRAST_SUFFIX}{index or ''}"


class PairTable:
    """The pairs in an engine core, by request id: a *main* request, which a client sent, and its *contrast* requests.

    The id of a contrast request stays known until :meth:`forget`, so that its last outputs can still be told from
    those of other requests after its pair has ended.
    """

    def __init__(self) -> None:
        self._pairs: dict[str, tuple[str, ...]] = {}
        self._contrasts: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._contrasts)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Iterate over the ids of each living pair, main request first, oldest pair first."""
        return (pair for request_id, pair in self._pairs.items() if request_id == pair[0])

    def add(self, main: str, *contrasts: str) -> None:
        """Add a pair."""
        self._pairs |= dict.fromkeys((main, *contrasts), (main, *contrasts))
        self._contrasts.update(contrasts)

    def pair(self, request_id: str) -> tuple[str, ...]:
        """Return the ids of a request's pair, main request first; empty for a request without one."""
        return self._pairs.get(request_id, ())

    def partners(self, request_id: str) -> tuple[str, ...]:
        """Return the ids of the other requests of a request's pair; empty for a request without one."""
        return tuple(other for other in self.pair(request_id) if other != request_id)

    def is_contrast(self, request_id: str) -> bool:
        """Return whether a request was made by the engine, so that no client may hear of it."""
        return request_id in self._contrasts

    def dissolve(self, request_id: str) -> tuple[str, ...]:
        """End the pair of a request and return its partners; does nothing for a request without a pair."""
        partners = self.partners(request_id)
        for ended in self.pair(request_id):
            del self._pairs[ended]
        return partners

    def forget(self) -> None:
        """Forget the contrast requests whose pair has ended."""
        self._contrasts = {request_id for request_id in self._contrasts if request_id in self._pairs}


def leave_main_requests(client: EngineCoreOutputs, pairs: PairTable, refused: Mapping[str, str]) -> None:
    """Remove contrast requests from what a client hears, but for traces, and say why refused requests ended.

    Args:
        client: What a client hears of a step; changed in place.
        pairs: The pairs, those that ended in this step included.
        refused: Why requests were refused, by their id.
    """
    for output, logprobs in with_traces(client.outputs, contrast_id):
        output.new_logprobs = logprobs
    client.outputs = [output for output in client.outputs if not pairs.is_contrast(output.request_id)]
    if client.finished_requests:
        client.finished_requests = {
            request_id for request_id in client.finished_requests if not pairs.is_contrast(request_id)
        }
    for output in client.outputs:
        if output.finished and output.request_id in refused:
            output.stop_reason = f"counterfoil: {refused[output.request_id]}"


def room_for_pair(request: Request, contrast: ContrastParams, limits: EngineLimits, cache: KVCacheManager) -> int:
    """Return how many tokens a pair may produce.

    Args:
        request: The client's request.
        contrast: The contrast that it asks for.
        limits: The engine's limits.
        cache: The engine's KV cache.

    Raises:
        ValueError: If this engine cannot serve the pair; with the reason and the remedy.
    """
    params = request.sampling_params
    assert params is not None
    assert params.max_tokens is not None
    if request.prompt_token_ids is None or request.prompt_embeds is not None or request.resumable:
        raise ValueError(
            "a contrast has to come with a prompt of tokens, all at once, but this one is made of embeddings or "
            "streamed in"
        )
    if getattr(params, "trace_decode_token_ids", None) is not None:
        raise ValueError("`trace_decode_token_ids` has to be left out where a contrast is asked for: it chooses")
    check_prompt_logprobs(params.prompt_logprobs)
    limits.check(contrast, request.num_prompt_tokens)
    if not contrast.sequences:
        return params.max_tokens  # one sequence, which ends where any other does
    prompts = [request.num_prompt_tokens, *contrast.contrast_tokens(request.num_prompt_tokens)]
    most = min(params.max_tokens, limits.max_model_len - max(prompts))
    room = room_for_output(cache, prompts, most)
    if room < 1:
        raise ValueError(
            f"prompt and contrast have to fit the KV cache together, but have {' and '.join(map(str, prompts))} tokens "
            "and leave no room for an answer: shorten them, or give the engine more memory"
        )
    return room


def make_contrast_requests(
    main: Request, contrast: ContrastParams, *, max_tokens: int, config: VllmConfig
) -> list[Request]:
    """Return the contrast requests of `main`, in the order in which the method reads them.

    They take every token from the main request and never end before it: they know no stop token, and their length is
    the same. Whatever shapes a distribution (penalties, grammar, bias, top-k) applies to the main request alone; here
    it would distort the logits that the method reads.

    Args:
        main: The client's request.
        contrast: The contrasts that it asks for.
        max_tokens: How many tokens all requests have room for.
        config: The engine's configuration.

    Raises:
        ValueError: If the request's images cannot be changed as the method asks, or there is no adapter to leave out.
    """
    if contrast.without_adapter:
        _check_adapter(main, config)
    params = main.sampling_params
    assert params is not None
    assert main.prompt_token_ids is not None
    member = PairMember(main.request_id, False, contrast.method, size=1 + contrast.sequences)
    return [
        Request(
            request_id=contrast_id(main.request_id, index),
            prompt_token_ids=prompt,
            sampling_params=SamplingParams(
                temperature=params.temperature,
                max_tokens=max_tokens,
                ignore_eos=True,
                detokenize=False,
                logprobs=0 if contrast.trace else None,
                skip_reading_prefix_cache=params.skip_reading_prefix_cache,
                extra_args={MEMBER: replace(member, index=index)},
            ),
            pooling_params=None,
            client_index=main.client_index,
            arrival_time=main.arrival_time,
            mm_features=contrast_features(main, contrast, config.model_config),
            lora_request=None if contrast.without_adapter else main.lora_request,
            cache_salt=main.cache_salt,
            priority=main.priority,
            block_hasher=main._block_hasher,
        )
        for index, prompt in enumerate(contrast.contrast_prompts(main.prompt_token_ids))
    ]


def make_main_request(request: Request, contrast: ContrastParams, *, max_tokens: int, own_seed: bool) -> None:
    """Turn a client's request into the main request of a pair, in place.

    Args:
        request: The client's request.
        contrast: The contrast that it asks for.
        max_tokens: How many tokens all requests have room for.
        own_seed: Whether this package seeds each token itself instead of the model runner; see
            :mod:`counterfoil.decoding.vllm.worker.logits_processor`.
    """
    params = request.sampling_params
    assert params is not None
    foreign = {key: value for key, value in (params.extra_args or {}).items() if not has_contrast_keys({key: value})}
    seed = params.seed if own_seed else None
    member = PairMember(
        request.request_id, True, contrast.method, seed, size=1 + contrast.sequences, exits=contrast.exits
    )
    request.sampling_params = params.clone()
    request.sampling_params.extra_args = {**foreign, MEMBER: member}
    request.sampling_params.max_tokens = request.max_tokens = max_tokens
    if own_seed:
        request.sampling_params.seed = None


def _check_adapter(main: Request, config: VllmConfig) -> None:
    """Reject a request that has no adapter to leave out, or an engine without room for a request without one."""
    if main.lora_request is None or config.lora_config is None:
        raise ValueError(
            "`cf_without_adapter` has to go with a request for a LoRA adapter, but this one asks for the model alone"
        )
    if current_platform.is_cpu() and config.lora_config.max_loras < 2:
        # On a CPU, vLLM 0.32 gives the last adapter's place to requests without one: it has to be empty.
        raise ValueError(
            "`cf_without_adapter` has to find room for one adapter more than are in use on a CPU, but --max-loras is "
            f"{config.lora_config.max_loras}: start the engine with more"
        )
