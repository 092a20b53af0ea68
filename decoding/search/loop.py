"""Contrastive search as a `custom_generate` callable: one forward a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList
from transformers.generation.utils import GenerateDecoderOnlyOutput

from ..processors import ContrastLogitsProcessor
from ..views.generate_call import argument_of_generate
from . import Lookahead, lookahead_for
from .settings import ContrastiveSearchSettings, check_call, reserved_tokens

if TYPE_CHECKING:
    from transformers.generation.streamers import BaseStreamer


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
    r"""Contrastive search (Su et al. 2022, https://arxiv.org/abs/2202.06417), for `generate(custom_generate=...)`.

    At each step the `top_k` most probable tokens are tried, and the one with the highest
    `(1 - alpha) * probability - alpha * (largest cosine with an earlier hidden state)` is taken; see
    `.methods.contrastive_search`. The candidates are tokens of one forward that share one cache, and
    the winner's hidden state gives the next step's logits, so a token costs one forward. Models whose attention
    cannot take that (found out by a small trial, once) run the candidates as copies of the batch, with a warning.

    Logits processors are applied before the probabilities, so they act on the candidates and on their confidence.
    Rows that have finished are padded. Batches are padded on the left.

    Args:
        model: A decoder-only model. This and the next four are what `generate()` passes.
        input_ids: `[batch, length]`.
        logits_processor: All processors of the call.
        stopping_criteria: All criteria of the call.
        generation_config: The configuration of the call.
        penalty_alpha: Weight of the penalty, from 0 (greedy search) to 1. Default 0.6, or the generation
            configuration's.
        top_k: Number of candidates, typically 4 to 8. Default 4; the generation configuration's is used only where
            it has a `penalty_alpha` too and is not transformers' own default of 50.
        token_streamer: A streamer, where the loop is called without `generate()`; that one's `streamer` is found.
        **model_kwargs: The model's inputs, as `generate()` prepares them.

    Returns:
        Token ids `[batch, length + new]`, or with `return_dict_in_generate` a `GenerateDecoderOnlyOutput` with
        `scores`, `logits` and `past_key_values` (of all tokens but the last, as `generate()` leaves it).

    Raises:
        ValueError: Where an argument cannot be served, naming it.

    Example:
        ```python
        >>> from counterfoil.decoding import contrastive_search
        >>> model.generate(**inputs, custom_generate=contrastive_search, penalty_alpha=0.6, top_k=4, max_new_tokens=64)
        ```
    """
    settings = ContrastiveSearchSettings.resolve(generation_config, penalty_alpha, top_k)
    given_cache = model_kwargs.get("past_key_values")
    check_call(model, settings, generation_config, given_cache)
    budget = reserved_tokens(generation_config, input_ids.shape[1])
    _refuse_layer_contrasts(logits_processor)
    streamer = argument_of_generate("streamer")  # which has been given the prompt already
    if streamer is None and token_streamer is not None:
        streamer = token_streamer
        streamer.put(input_ids.cpu())
    record = _Record(generation_config)
    with lookahead_for(model)(model, settings.penalty_alpha, settings.top_k, budget) as lookahead:
        try:
            sequences = _search(
                lookahead, input_ids, logits_processor, stopping_criteria, generation_config, record, streamer,
                model_kwargs,
            )  # fmt: skip
        finally:
            # A consumer of an iterating streamer waits for the end, also where it comes early.
            if streamer is not None:
                streamer.end()
        if not generation_config.return_dict_in_generate:
            return sequences
        return GenerateDecoderOnlyOutput(
            sequences=sequences,  # pyright: ignore[reportArgumentType]
            scores=record.scores,  # pyright: ignore[reportArgumentType]
            logits=record.logits,  # pyright: ignore[reportArgumentType]
            past_key_values=lookahead.past_key_values(given_cache),
        )


def _refuse_layer_contrasts(logits_processor: LogitsProcessorList) -> None:
    for processor in logits_processor:
        if isinstance(processor, ContrastLogitsProcessor) and getattr(processor.view, "of_main_forward", False):
            raise ValueError(
                f"{type(processor).__name__} cannot be combined with contrastive search, whose forward runs over "
                "candidates: it has no hidden state of the last token alone to contrast with"
            )


class _Record:
    """The scores and logits of a call, where they were asked for."""

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
    lookahead: Lookahead,
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
    logits = lookahead.prefill(input_ids, generation_config, model_kwargs)
    while True:
        logits = logits.to(input_ids.device, torch.float32)
        scores = logits_processor(input_ids, logits)
        record.add(scores, logits)
        probabilities, candidates = scores.softmax(dim=-1).topk(lookahead.top_k, dim=-1)
        winner, logits = lookahead.advance(probabilities, candidates)
        tokens = candidates[rows, winner.to(rows.device)]
        if pads:
            tokens = torch.where(unfinished, tokens, pad_token)
        input_ids = torch.cat((input_ids, tokens[:, None]), dim=1)
        if streamer is not None:
            streamer.put(tokens.cpu())
        unfinished = unfinished & ~stopping_criteria(input_ids, record.scores)  # pyright: ignore
        if not unfinished.any():
            return input_ids
