"""What a call of contrastive search asks for, checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import Cache, GenerationConfig, PreTrainedModel

_TRANSFORMERS_TOP_K = 50
_RESERVED_TOKENS = 1024


@dataclass(frozen=True)
class ContrastiveSearchSettings:
    """Parameters of contrastive search.

    Attributes:
        penalty_alpha: Weight of the penalty, between 0 and 1.
        top_k: Candidates at each step.
    """

    penalty_alpha: float = 0.6
    top_k: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.penalty_alpha <= 1:
            raise ValueError(f"`penalty_alpha` has to be a number between 0 and 1, but is {self.penalty_alpha}")
        if not isinstance(self.top_k, int) or self.top_k < 1:
            raise ValueError(f"`top_k` has to be a positive integer, but is {self.top_k}")

    @classmethod
    def resolve(
        cls, generation_config: GenerationConfig, penalty_alpha: float | None, top_k: int | None
    ) -> ContrastiveSearchSettings:
        """Keywords first, then a generation configuration written for contrastive search, then the defaults.

        A `top_k` without a `penalty_alpha` beside it was meant for sampling, and 50 is what transformers fills in;
        neither becomes the number of candidates. Whoever wants 50 of them says so by keyword.
        """
        configured_alpha, configured_k = generation_config.penalty_alpha, generation_config.top_k
        if configured_alpha is None or configured_k == _TRANSFORMERS_TOP_K:
            configured_k = None
        alpha = next((a for a in (penalty_alpha, configured_alpha) if a is not None), cls.penalty_alpha)
        k = next((k for k in (top_k, configured_k) if k is not None), cls.top_k)
        return cls(alpha, k)


def check_call(
    model: PreTrainedModel, settings: ContrastiveSearchSettings, generation_config: GenerationConfig, cache: object
) -> None:
    """Refuses what contrastive search cannot do.

    Raises:
        ValueError: Naming the argument and what it has to be.
    """
    if model.config.is_encoder_decoder:
        raise ValueError(f"`model` has to be a decoder-only model, but is {type(model).__name__}")
    vocabulary = model.config.get_text_config(decoder=True).vocab_size
    if settings.top_k > vocabulary:
        raise ValueError(f"`top_k` has to be at most the size of the vocabulary, {vocabulary}, but is {settings.top_k}")
    required = {"do_sample": False, "num_beams": 1, "num_return_sequences": 1, "use_cache": True}
    for name, value in required.items():
        given = getattr(generation_config, name)
        if given is not None and given != value:
            raise ValueError(
                f"`{name}` has to be {value} for contrastive search, which is deterministic and keeps one sequence a "
                f"row, but is {given}: pass {name}={value} to generate()"
            )
    for name in ("output_attentions", "output_hidden_states"):
        if getattr(generation_config, name):
            raise ValueError(f"`{name}` has to be False for contrastive search, but is True")
    if generation_config.prompt_lookup_num_tokens is not None:
        raise ValueError(
            "`prompt_lookup_num_tokens` has to be None for contrastive search, but is "
            f"{generation_config.prompt_lookup_num_tokens}"
        )
    _check_cache(generation_config.cache_implementation, cache)


def _check_cache(implementation: str | None, cache: object) -> None:
    if implementation not in (None, "dynamic", "static", "dynamic_full"):
        raise ValueError(
            "`cache_implementation` has to be None, 'dynamic' or 'static' for contrastive search, but is "
            f"{implementation!r}"
        )
    if isinstance(cache, Cache) and (held := _tokens_held(cache)):
        raise ValueError(
            "`past_key_values` has to be empty for contrastive search, which needs the hidden states of all earlier "
            f"tokens, but holds {held} tokens: pass the whole text as `input_ids` and no cache"
        )


def _tokens_held(cache: Cache) -> int:
    try:
        return int(cache.get_seq_length())
    except ValueError:  # Recurrent layers alone do not count tokens.
        return 0


def reserved_tokens(generation_config: GenerationConfig, prompt_length: int) -> int:
    """How many new tokens to reserve room for: as many as were asked for, up to a bound."""
    longest = generation_config.max_length or prompt_length + _RESERVED_TOKENS
    return max(1, min(longest - prompt_length, _RESERVED_TOKENS))
