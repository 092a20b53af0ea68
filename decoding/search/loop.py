"""Contrastive search as a `custom_generate` callable: one forward per token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import Cache, GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList
from transformers.generation.utils import GenerateDecoderOnlyOutput

from ..methods.contrastive_search import ContrastiveSearch
from ..processors.base import ContrastLogitsProcessor
from ..views.calling_frames import generate_argument
from ..views.forward_recorder import CACHE_NAME, CACHE_NAMES, ignored_by_hooks
from .candidates import Candidates, check_scores
from .support import supported_candidates

if TYPE_CHECKING:
    from transformers.generation.streamers import BaseStreamer

_TRANSFORMERS_TOP_K = 50
_MAX_RESERVED_TOKENS = 1024


def contrastive_search(
    model: PreTrainedModel,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    penalty_alpha: float | None = None,
    top_k: int | None = None,
    token_streamer: BaseStreamer | None = None,
    **model_kwargs: Any,  # noqa: ANN401
) -> Tensor | GenerateDecoderOnlyOutput:
    r"""Decode by contrastive search; for `generate(custom_generate=contrastive_search)`.

    Su et al. 2022, https://arxiv.org/abs/2202.06417. Each step tries the `top_k` most probable tokens and takes the one
    with the highest `(1 - penalty_alpha) * probability - penalty_alpha * (largest cosine with an earlier hidden
    state)`; see :func:`counterfoil.decoding.methods.contrastive_search`. The candidates are tokens of one forward that
    share one cache, and the selected one's hidden state gives the next step's logits, so a token costs one forward. If
    a model's attention does not support this (one short trial finds out), the candidates run as copies of the batch,
    with a warning.

    Logits processors are applied before the probabilities, so they act on the candidates and on their confidence.
    Finished rows are padded. Batches must be padded on the left.

    Args:
        model: A decoder-only model. `generate()` passes this and the next four.
        input_ids: `[batch, length]`.
        logits_processor: All processors of the call.
        stopping_criteria: All criteria of the call.
        generation_config: The configuration of the call.
        penalty_alpha: Weight of the penalty, from 0 (greedy search) to 1. Default 0.6, or the generation
            configuration's.
        top_k: Number of candidates, typically 4 to 8. Default 4; the generation configuration's is used only if it has
            a `penalty_alpha` too and is not transformers' own default of 50.
        token_streamer: A streamer, for calls without `generate()`; otherwise `generate()`'s own `streamer` is used.
        **model_kwargs: The model's inputs, as `generate()` prepares them.

    Returns:
        Token ids `[batch, length + new]`, or with `return_dict_in_generate` a `GenerateDecoderOnlyOutput` with
        `scores`, `logits` and the cache (of all tokens but the last, as `generate()` leaves it).

    Raises:
        ValueError: An argument cannot be served; the message names it.

    Example:
        ```python
        >>> from counterfoil.decoding import contrastive_search
        >>> model.generate(**inputs, custom_generate=contrastive_search, penalty_alpha=0.6, top_k=4, max_new_tokens=64)
        ```
    """
    method = resolved(generation_config, penalty_alpha, top_k)
    given_cache = next((model_kwargs[name] for name in CACHE_NAMES if model_kwargs.get(name) is not None), None)
    _check_call(model, method, generation_config, given_cache)
    budget = _reserved_tokens(generation_config, input_ids.shape[1])
    _refuse_layer_contrasts(logits_processor)
    streamer = generate_argument("streamer")  # generate() has given it the prompt already
    if streamer is None and token_streamer is not None:
        streamer = token_streamer
        streamer.put(input_ids.cpu())
    record = _Record(generation_config)
    with supported_candidates(model, input_ids.shape[1] + budget)(model, method, budget) as candidates:
        try:
            sequences = _search(
                candidates, input_ids, logits_processor, stopping_criteria, generation_config, record, streamer,
                model_kwargs,
            )  # fmt: skip
        finally:
            # The consumer of an iterating streamer waits for the end, also after an error.
            if streamer is not None:
                streamer.end()
        if not generation_config.return_dict_in_generate:
            return sequences
        output: dict[str, Any] = {"scores": record.scores, "logits": record.logits}
        output[CACHE_NAME] = candidates.filled_cache(given_cache)
        return GenerateDecoderOnlyOutput(sequences=sequences, **output)  # pyright: ignore[reportArgumentType]


def resolved(generation_config: GenerationConfig, penalty_alpha: float | None, top_k: int | None) -> ContrastiveSearch:
    """Return the method with the keywords, else a generation configuration's parameters, else its defaults.

    A `top_k` without a `penalty_alpha` was meant for sampling, and 50 is transformers' default; neither becomes the
    number of candidates. To try 50 candidates, pass `top_k=50` as a keyword.

    Raises:
        ValueError: A parameter is out of its range.
    """
    configured_alpha, configured_k = generation_config.penalty_alpha, generation_config.top_k
    if configured_alpha is None or configured_k == _TRANSFORMERS_TOP_K:
        configured_k = None
    configured = {"penalty_alpha": configured_alpha, "top_k": configured_k}
    given = {"penalty_alpha": penalty_alpha, "top_k": top_k}
    chosen = {name: configured[name] if value is None else value for name, value in given.items()}
    return ContrastiveSearch(**{name: value for name, value in chosen.items() if value is not None})


class _Record:
    """The scores and logits of a call, if it asks for them."""

    def __init__(self, generation_config: GenerationConfig) -> None:
        wanted = bool(generation_config.return_dict_in_generate)
        self.scores: tuple[Tensor, ...] | None = () if wanted and generation_config.output_scores else None
        self.logits: tuple[Tensor, ...] | None = () if wanted and generation_config.output_logits else None

    def add(self, scores: Tensor, logits: Tensor) -> None:
        if self.scores is not None:
            self.scores += (scores,)
        if self.logits is not None:
            self.logits += (logits,)


def _search(
    candidates: Candidates,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    record: _Record,
    streamer: BaseStreamer | None,
    model_kwargs: dict[str, Any],
) -> Tensor:
    pad_token: Any = generation_config._pad_token_tensor  # pyright: ignore[reportAttributeAccessIssue]
    pads = any(hasattr(criterion, "eos_token_id") for criterion in stopping_criteria)
    unfinished = torch.ones(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
    rows = torch.arange(input_ids.shape[0], device=input_ids.device)
    logits = candidates.prefill(input_ids, generation_config, model_kwargs)
    while True:
        logits = logits.to(input_ids.device, torch.float32)
        scores = logits_processor(input_ids, logits)
        check_scores(scores, ~unfinished)
        record.add(scores, logits)
        probabilities, tokens = scores.softmax(dim=-1).topk(candidates.top_k, dim=-1)
        with ignored_by_hooks():  # the forward of the candidates is no step of the main sequence
            selected, logits = candidates.advance(probabilities, tokens)
        next_tokens = tokens[rows, selected.to(rows.device)]
        if pads:
            next_tokens = torch.where(unfinished, next_tokens, pad_token)
        input_ids = torch.cat((input_ids, next_tokens[:, None]), dim=1)
        if streamer is not None:
            streamer.put(next_tokens.cpu())
        unfinished = unfinished & ~stopping_criteria(input_ids, record.scores)  # pyright: ignore
        if not unfinished.any():
            return input_ids


def _check_call(
    model: PreTrainedModel, method: ContrastiveSearch, generation_config: GenerationConfig, cache: object
) -> None:
    if model.config.is_encoder_decoder:
        raise ValueError(f"`model` has to be a decoder-only model, but is {type(model).__name__}")
    vocabulary = model.config.get_text_config(decoder=True).vocab_size
    if method.top_k > vocabulary:
        raise ValueError(f"`top_k` has to be at most the size of the vocabulary, {vocabulary}, but is {method.top_k}")
    required = {"do_sample": False, "num_beams": 1, "num_return_sequences": 1, "use_cache": True}
    for name, value in required.items():
        given = getattr(generation_config, name)
        if given is not None and given != value:
            raise ValueError(
                f"`{name}` has to be {value} for contrastive search, which is deterministic and keeps one sequence a "
                f"row, but is {given}: pass {name}={value} to generate() (the configuration of "
                f"{type(model).__name__} may say otherwise)"
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
    if isinstance(cache, Cache) and (tokens := _cached_tokens(cache)):
        raise ValueError(
            f"`{CACHE_NAME}` has to be empty for contrastive search, which needs the hidden states of all earlier "
            f"tokens, but holds {tokens} tokens: pass the whole text as `input_ids` and no cache"
        )


def _cached_tokens(cache: Cache) -> int:
    try:
        return int(cache.get_seq_length())
    except ValueError:  # recurrent layers alone do not count tokens
        return 0


def _reserved_tokens(generation_config: GenerationConfig, prompt_length: int) -> int:
    longest = generation_config.max_length or prompt_length + _MAX_RESERVED_TOKENS
    return max(1, min(longest - prompt_length, _MAX_RESERVED_TOKENS))


def _refuse_layer_contrasts(logits_processor: LogitsProcessorList) -> None:
    for processor in logits_processor:
        if isinstance(processor, ContrastLogitsProcessor) and getattr(processor.view, "of_main_forward", False):
            raise ValueError(
                f"{type(processor).__name__} cannot be combined with contrastive search, whose forward runs over "
                "candidates: it has no hidden state of the last token alone to contrast with"
            )
