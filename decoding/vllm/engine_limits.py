"""Whether an engine has room for a pair; what can be known of that before the pair is admitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .contrast_params import CONTRAST_IDS, LEAST_TOKENS, PairRequest, has_contrast_keys
from .switch import VARIABLE, switched_off

AMATEUR = "counterfoil_amateur"
"""The entry of the model's config that names the amateur, in an engine that runs two models."""


@dataclass(frozen=True)
class EngineLimits:
    """What an engine was started with.

    Args:
        max_model_len: Its longest sequence.
        max_num_seqs: Its sequences at a time: a pair takes two.
        vocabulary_size: Of the model's logits.
        blocks: Of the KV cache, where they are known.
        block_size: Tokens in one of them.
        amateur_model: It runs two models, and a request is one sequence.
    """

    max_model_len: int
    max_num_seqs: int
    vocabulary_size: int
    blocks: int | None = None
    block_size: int = 1
    amateur_model: bool = False

    @classmethod
    def of(cls, vllm_config: Any) -> EngineLimits:  # noqa: ANN401  (vllm.config.VllmConfig, which is not imported here)
        """Of a running engine, from its `VllmConfig`."""
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
        )

    def room(self, prompt_tokens: int, other_tokens: int) -> int:
        """How many tokens can be generated behind prompts of these lengths."""
        room = self.max_model_len - max(prompt_tokens, other_tokens)
        if self.blocks is None:
            return room
        # One block is vLLM's own, and each member's last one may hold a single token.
        tokens = (self.blocks - 1) * self.block_size - 2 * (self.block_size - 1)
        return min(room, (tokens - prompt_tokens - other_tokens) // 2)

    def check(self, pair: PairRequest, prompt_tokens: int, asked: int | None = None) -> None:
        """Raise where this engine cannot serve the pair.

        Args:
            pair: What was asked for.
            prompt_tokens: Length of the main prompt.
            asked: How many tokens the request asks for, where it says so.

        Raises:
            ValueError: With the reason and the remedy.
        """
        if self.amateur_model:
            return
        if self.max_num_seqs < 2:
            raise ValueError(
                f"a contrast needs two sequences at a time, but --max-num-seqs is {self.max_num_seqs}: start the "
                "server with 2 or more"
            )
        other_tokens = pair.other_tokens(prompt_tokens)
        for name, length in (("the prompt", prompt_tokens), ("the contrast", other_tokens)):
            if length < LEAST_TOKENS:
                raise ValueError(f"{name} has to have at least {LEAST_TOKENS} tokens for a pair, but has {length}")
            if length >= self.max_model_len:
                raise ValueError(
                    f"{name} has to be shorter than the model's longest sequence of {self.max_model_len} tokens, but "
                    f"has {length}: shorten it, or start the server with a larger --max-model-len"
                )
        for token in pair.contrast_ids or ():
            if token >= self.vocabulary_size:
                raise ValueError(
                    f"`{CONTRAST_IDS}` has to hold token ids of this model, below {self.vocabulary_size}, but holds "
                    f"{token}"
                )
        room = self.room(prompt_tokens, other_tokens)
        if room < (asked or 1):
            raise ValueError(
                f"prompt ({prompt_tokens} tokens), contrast ({other_tokens}) and {asked or 1} new tokens have to fit "
                f"the engine together, but there is room for {max(room, 0)} new tokens: shorten them, or give the "
                "server more memory or a larger --max-model-len"
            )


def check_switch(sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
    """Raise `ValueError` where a contrast is asked for and the environment has switched contrasts off."""
    if switched_off() and has_contrast_keys(sampling_params.extra_args):
        raise ValueError(f"contrasts are switched off by {VARIABLE}: unset it, or leave the cf_ keys out")


def check_sampling(sampling_params: Any) -> None:  # noqa: ANN401  (vllm.SamplingParams)
    """Raise `ValueError` where a pair cannot be sampled as asked: prompt logprobs are of one prompt, and a pair has
    two."""
    check_prompt_logprobs(sampling_params.prompt_logprobs)


def check_prompt_logprobs(value: object) -> None:
    """Raise `ValueError` where a pair's request asks for `prompt_logprobs`: of which of two prompts, nobody could
    tell."""
    if value is not None:
        raise ValueError(
            f"`prompt_logprobs` has to be left out where a contrast is asked for, but is {value}: ask for them in a "
            "plain request"
        )
