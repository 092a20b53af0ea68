"""What an engine can serve: room for pairs, whether it has contrastive search, and the switch that turns contrasts off.

Everything here is known before a request is admitted, in the server as well as in the engine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..methods.parameters import check_integer
from .contrast_params import CONTRAST_IDS, EARLY_EXIT, TRACE, ContrastParams, has_contrast_keys
from .contrast_values import LEAST_TOKENS

AMATEUR = "counterfoil_amateur"
"""The entry of the model's config that names the amateur, in an engine that runs two models."""

SEARCH_CONFIG = "counterfoil_search"
"""The entry of the model's config that holds the :class:`SearchLimits`, in an engine with contrastive search."""

EARLY_EXITS = "counterfoil_early_exits"
"""The entry of the model's config that holds the layers of the early exits, in an engine that has some."""

EXITS = "counterfoil.early_exits"
"""The entry of a model with early exits in vLLM's table of an engine's modules: the logits processor finds it there."""

SPARE = 2
"""Groups of scratch blocks for requests for which there is no group of their own."""

DISABLE = "COUNTERFOIL_DISABLE"
"""The environment variable that turns contrasts off: the engine is then vLLM's own, whatever flags it has."""


@dataclass(frozen=True)
class SearchLimits:
    """How much contrastive search an engine was started for.

    Each of `requests` groups of scratch blocks of the KV cache holds what `largest_top_k` candidates need.

    Args:
        requests: How many requests search at a time; more wait.
        largest_top_k: The largest number of candidates.

    Raises:
        ValueError: One of them is no integer of at least 1.
    """

    requests: int = 16
    largest_top_k: int = 8

    def __post_init__(self) -> None:
        check_integer("search_requests", self.requests, 1)
        check_integer("largest_top_k", self.largest_top_k, 1)

    @property
    def groups(self) -> int:
        """Return the number of groups, the spare ones included."""
        return self.requests + SPARE

    @property
    def scratch_blocks(self) -> int:
        """Return how many blocks at the end of the KV cache the scheduler must not give away."""
        return self.groups * self.largest_top_k

    @classmethod
    def of(cls, vllm_config: Any) -> SearchLimits | None:  # noqa: ANN401
        """Return those of the engine with this `VllmConfig`, or `None` if it has no contrastive search."""
        named = getattr(vllm_config.model_config.hf_config, SEARCH_CONFIG, None)
        return None if named is None else cls(**named)


@dataclass(frozen=True)
class EngineLimits:
    """What an engine was started with.

    Args:
        max_model_len: The longest sequence, in tokens.
        max_num_seqs: How many sequences run at a time; a pair takes two, a request of n contrasts n + 1.
        vocabulary_size: How many logits the model gives.
        blocks: How many blocks the KV cache has, if known.
        block_size: Tokens in a block.
        amateur_model: Whether the engine runs two models, so that a request with a contrast is one sequence.
        search: How much contrastive search the engine was started for; `None` for none.
        early_exits: After which layers the engine was started with early exits.
        logprobs_mode: What the engine gives as log-probabilities, vLLM's `--logprobs-mode`.
    """

    max_model_len: int
    max_num_seqs: int
    vocabulary_size: int
    blocks: int | None = None
    block_size: int = 1
    amateur_model: bool = False
    search: SearchLimits | None = None
    early_exits: tuple[int, ...] = ()
    logprobs_mode: str = "raw_logprobs"

    @classmethod
    def of(cls, vllm_config: Any) -> EngineLimits:  # noqa: ANN401  (vllm.config.VllmConfig, which is not imported here)
        """Read the limits of a running engine from its `VllmConfig`."""
        model, cache = vllm_config.model_config, vllm_config.cache_config
        # The front end has the sum over all engines.
        engines = vllm_config.parallel_config.data_parallel_size
        search = SearchLimits.of(vllm_config)
        scratch = search.scratch_blocks if search is not None else 0
        return cls(
            max_model_len=model.max_model_len,
            max_num_seqs=vllm_config.scheduler_config.max_num_seqs,
            vocabulary_size=model.get_vocab_size(),
            blocks=cache.num_gpu_blocks // engines - scratch if cache.num_gpu_blocks else None,
            block_size=cache.block_size,
            amateur_model=hasattr(model.hf_config, AMATEUR),
            search=search,
            early_exits=exits_of(vllm_config),
            logprobs_mode=model.logprobs_mode,
        )

    def room(self, *lengths: int) -> int:
        """Return how many tokens can be generated after prompts of these lengths, the main one and its contrasts."""
        room = self.max_model_len - max(lengths)
        if self.blocks is None:
            return room
        # One block is vLLM's own, and the last block of each sequence may hold a single token.
        tokens = (self.blocks - 1) * self.block_size - len(lengths) * (self.block_size - 1)
        return min(room, (tokens - sum(lengths)) // len(lengths))

    def check(self, params: ContrastParams, prompt_tokens: int, new_tokens: int | None = None) -> None:
        """Reject a contrast that this engine cannot serve.

        Args:
            params: The contrast that a request asks for.
            prompt_tokens: Length of the main prompt.
            new_tokens: How many tokens the request asks for, if it says so.

        Raises:
            ValueError: With the reason and the remedy.
        """
        if params.searches:
            self._check_search(params)
            return
        if self.amateur_model:
            return
        if params.trace and self.logprobs_mode != "raw_logprobs":
            raise ValueError(
                f"`{TRACE}` has to go with --logprobs-mode raw_logprobs, but the engine's is {self.logprobs_mode}: its "
                "log-probabilities are not those of the main view"
            )
        self._check_exits(params)
        if self.max_num_seqs < 1 + params.sequences:
            needed = "two" if params.sequences == 1 else str(1 + params.sequences)
            raise ValueError(
                f"a contrast needs {needed} sequences at a time, but --max-num-seqs is {self.max_num_seqs}: start the "
                f"server with {1 + params.sequences} or more"
            )
        if not params.sequences:
            return  # one sequence, like any other request
        contrast_tokens = params.contrast_tokens(prompt_tokens)
        for name, length in (("the prompt", prompt_tokens), *(("the contrast", length) for length in contrast_tokens)):
            if length < LEAST_TOKENS:
                raise ValueError(f"{name} has to have at least {LEAST_TOKENS} tokens for a pair, but has {length}")
            if length >= self.max_model_len:
                raise ValueError(
                    f"{name} has to be shorter than the model's longest sequence of {self.max_model_len} tokens, but "
                    f"has {length}: shorten it, or start the server with a larger --max-model-len"
                )
        for token in chain.from_iterable(params.contrast_ids):
            if token >= self.vocabulary_size:
                raise ValueError(
                    f"`{CONTRAST_IDS}` has to hold token ids of this model, below {self.vocabulary_size}, but holds "
                    f"{token}"
                )
        room = self.room(prompt_tokens, *contrast_tokens)
        if room < (new_tokens or 1):
            raise ValueError(
                f"prompt ({prompt_tokens} tokens), contrast ({', '.join(map(str, contrast_tokens))}) and "
                f"{new_tokens or 1} new tokens have to fit the engine together, but there is room for {max(room, 0)} "
                "new tokens: shorten them, or give the server more memory or a larger --max-model-len"
            )

    def _check_exits(self, params: ContrastParams) -> None:
        for layer in params.exits:
            if layer not in self.early_exits:
                has = f"{', '.join(map(str, self.early_exits))}" if self.early_exits else "none"
                raise ValueError(
                    f"`{EARLY_EXIT}` has to be one of this engine's early exits ({has}), but is {layer}: start it with "
                    f"counterfoil serve --early-exits {layer}, or llm_kwargs(early_exits=[{layer}])"
                )

    def _check_search(self, params: ContrastParams) -> None:
        if self.search is None:
            raise ValueError(
                "contrastive_search has to be switched on when the engine starts, but is not: counterfoil serve "
                "--contrastive-search, or llm_kwargs(contrastive_search=True)"
            )
        top_k = params.method.settings["top_k"]
        if top_k > self.search.largest_top_k:
            raise ValueError(
                f"`cf_top_k` has to be at most this engine's {self.search.largest_top_k}, but is {top_k}: start it "
                "with a larger --largest-top-k"
            )


def exits_of(vllm_config: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Return after which layers the engine with this `VllmConfig` has early exits, in ascending order."""
    return tuple(getattr(vllm_config.model_config.hf_config, EARLY_EXITS, ()))


def switched_off() -> bool:
    """Return whether the environment turns contrasts off."""
    return os.environ.get(DISABLE, "").strip().lower() not in ("", "0", "false", "no")


def check_switch(sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
    """Reject a contrast if the environment has turned contrasts off."""
    if switched_off() and has_contrast_keys(sampling_params.extra_args):
        raise ValueError(f"contrasts are switched off by {DISABLE}: unset it, or leave the cf_ keys out")


def check_sampling(params: ContrastParams, sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
    """Reject a request whose way to sample does not go with its contrast.

    Raises:
        ValueError: Names the field, its value and the remedy.
    """
    if not params.searches:
        check_prompt_logprobs(sampling_params.prompt_logprobs)
        if params.trace:
            _check_trace(sampling_params)
        return
    if sampling_params.temperature:
        raise ValueError(
            "`temperature` has to be 0 for contrastive search, which is deterministic, but is "
            f"{sampling_params.temperature:g}"
        )
    # vLLM takes penalties off after logits processors, and so after the token was chosen.
    for name, none in (("repetition_penalty", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        if (value := getattr(sampling_params, name)) != none:
            raise ValueError(
                f"`{name}` has to be left out for contrastive search, which has a penalty of its own, but is {value:g}"
            )
    for name in ("thinking_token_budget", "trace_decode_token_ids"):
        if (value := getattr(sampling_params, name, None)) is not None:
            raise ValueError(f"`{name}` has to be left out for contrastive search, which chooses, but is {value}")


def _check_trace(sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
    """Reject sampling parameters that leave a trace no place: it stands beside the log-probability of each token."""
    if sampling_params.logprobs is None or sampling_params.logprobs < 0:
        raise ValueError(
            f"`logprobs` has to be given with `{TRACE}`, 0 or more, but is {sampling_params.logprobs}: the trace "
            "stands beside them"
        )
    for name in ("flat_logprobs", "logprob_token_ids"):
        if getattr(sampling_params, name, None):
            raise ValueError(f"`{name}` has to be left out with `{TRACE}`")


def check_prompt_logprobs(value: object) -> None:
    """Reject `prompt_logprobs`: with two prompts it would be ambiguous which one they refer to."""
    if value is not None:
        raise ValueError(
            f"`prompt_logprobs` has to be left out where a contrast is asked for, but is {value}: ask for them in a "
            "plain request"
        )
