"""What an engine can serve: room for both sequences of a pair, and the switch that turns contrasts off.

Everything here is known before a request is admitted, in the server as well as in the engine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain
from typing import Any

from .contrast_params import CONTRAST_IDS, LEAST_TOKENS, TRACE, ContrastParams, has_contrast_keys

AMATEUR = "counterfoil_amateur"
"""The entry of the model's config that names the amateur, in an engine that runs two models."""

DISABLE = "COUNTERFOIL_DISABLE"
"""The environment variable that turns contrasts off: the engine is then vLLM's own, whatever flags it has."""


@dataclass(frozen=True)
class EngineLimits:
    """What an engine was started with.

    Args:
        max_model_len: The longest sequence, in tokens.
        max_num_seqs: How many sequences run at a time; a pair takes two.
        vocabulary_size: How many logits the model gives.
        blocks: How many blocks the KV cache has, if known.
        block_size: Tokens in a block.
        amateur_model: Whether the engine runs two models, so that a request with a contrast is one sequence.
        logprobs_mode: What the engine gives as log-probabilities, vLLM's `--logprobs-mode`.
    """

    max_model_len: int
    max_num_seqs: int
    vocabulary_size: int
    blocks: int | None = None
    block_size: int = 1
    amateur_model: bool = False
    logprobs_mode: str = "raw_logprobs"

    @classmethod
    def of(cls, vllm_config: Any) -> EngineLimits:  # noqa: ANN401  (vllm.config.VllmConfig, which is not imported here)
        """Read the limits of a running engine from its `VllmConfig`."""
        model, cache = vllm_config.model_config, vllm_config.cache_config
        # The front end has the sum over all engines.
        engines = vllm_config.parallel_config.data_parallel_size
        return cls(
            max_model_len=model.max_model_len,
            max_num_seqs=vllm_config.scheduler_config.max_num_seqs,
            vocabulary_size=model.get_vocab_size(),
            blocks=cache.num_gpu_blocks // engines if cache.num_gpu_blocks else None,
            block_size=cache.block_size,
            amateur_model=hasattr(model.hf_config, AMATEUR),
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
        """Reject a pair that this engine cannot serve.

        Args:
            params: The contrast that a request asks for.
            prompt_tokens: Length of the main prompt.
            new_tokens: How many tokens the request asks for, if it says so.

        Raises:
            ValueError: With the reason and the remedy.
        """
        if self.amateur_model:
            return
        if params.trace and self.logprobs_mode != "raw_logprobs":
            raise ValueError(
                f"`{TRACE}` has to go with --logprobs-mode raw_logprobs, but the engine's is {self.logprobs_mode}: its "
                "log-probabilities are not those of the main view"
            )
        if self.max_num_seqs < 1 + params.count:
            needed = "two" if params.count == 1 else str(1 + params.count)
            raise ValueError(
                f"a contrast needs {needed} sequences at a time, but --max-num-seqs is {self.max_num_seqs}: start the "
                f"server with {1 + params.count} or more"
            )
        contrast_tokens = params.contrast_tokens(prompt_tokens)
        for name, length in (("the prompt", prompt_tokens), *(("the contrast", length) for length in contrast_tokens)):
            if length < LEAST_TOKENS:
                raise ValueError(f"{name} has to have at least {LEAST_TOKENS} tokens for a pair, but has {length}")
            if length >= self.max_model_len:
                raise ValueError(
                    f"{name} has to be shorter than the model's longest sequence of {self.max_model_len} tokens, but "
                    f"has {length}: shorten it, or start the server with a larger --max-model-len"
                )
        for token in chain(params.contrast_ids or (), *params.more_ids):
            if token >= self.vocabulary_size:
                raise ValueError(
                    f"`{CONTRAST_IDS}` has to hold token ids of this model, below {self.vocabulary_size}, but holds "
                    f"{token}"
                )
        room = self.room(prompt_tokens, *contrast_tokens)
        if room < (new_tokens or 1):
            raise ValueError(
                f"prompt ({prompt_tokens} tokens), contrast ({', '.join(map(str, contrast_tokens))}) and "
                f"{new_tokens or 1} new tokens have "
                f"to fit the engine together, but there is room for {max(room, 0)} new tokens: shorten them, or give "
                "the server more memory or a larger --max-model-len"
            )


def switched_off() -> bool:
    """Return whether the environment turns contrasts off."""
    return os.environ.get(DISABLE, "").strip().lower() not in ("", "0", "false", "no")


def check_switch(sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
    """Reject a contrast if the environment has turned contrasts off."""
    if switched_off() and has_contrast_keys(sampling_params.extra_args):
        raise ValueError(f"contrasts are switched off by {DISABLE}: unset it, or leave the cf_ keys out")


def check_trace(sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
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
