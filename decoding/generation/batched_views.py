"""All views of a token in one forward, as a `custom_generate` callable."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteriaList,
)
from transformers.generation.configuration_utils import GenerationMode
from transformers.utils.generic import ModelOutput

from ..methods.parameters import check_integer
from ..processors.base import ContrastLogitsProcessor
from ..views.calling_frames import generate_argument
from ..views.forward_recorder import CACHE_NAME, CACHE_NAMES, is_empty
from ..views.probes import warn_once
from ..views.prompt_view import PromptView
from ..views.several_views import single_views
from .batched_model import BatchedModel
from .drafted_model import DraftedModel, is_amateur

if TYPE_CHECKING:
    from transformers.generation.streamers import BaseStreamer

SAMPLING = (GenerationMode.GREEDY_SEARCH, GenerationMode.SAMPLE)
MOST_COPIED, MOST_CHOSEN = 10, 4
"""The `prompt_lookup_num_tokens` and the `num_assistant_tokens` of :func:`drafted_views`."""

BEAMS = (GenerationMode.BEAM_SEARCH, GenerationMode.BEAM_SAMPLE)


def batched_views(
    model: PreTrainedModel,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    token_streamer: BaseStreamer | None = None,
    prompt_lookup_num_tokens: int | None = None,
    num_assistant_tokens: int | None = None,
    **model_kwargs: Any,  # noqa: ANN401
) -> Tensor | ModelOutput:
    """Run the views of contrastive processors as further rows of the main forward, for `generate(custom_generate=...)`.

    Decoding is bound by reading the weights, and these are read once for all rows: a contrast costs little more than
    plain decoding. The tokens are those of the same call without `custom_generate`: a model that computes a row
    otherwise beside a longer one is found out by a short trial and reads each view in a forward of its own, with a
    warning. The loop is transformers' own, so
    sampling, beams, stopping criteria, other processors and `return_dict_in_generate` work as in any call. Views that
    another model reads share a forward of that one; layer contrasts need none.

    Args:
        model: A decoder-only model. `generate()` passes this and the next four.
        input_ids: `[rows, length]`.
        logits_processor: All processors of the call; the contrastive ones among them are found by their class.
        stopping_criteria: All criteria of the call.
        generation_config: The configuration of the call.
        token_streamer: A streamer, for calls without `generate()`; otherwise `generate()`'s own `streamer` is used.
        prompt_lookup_num_tokens: The most tokens, at least 1, that are copied from the text as a *draft* of what comes
            next and read along in one forward. The tokens are those without drafts, in fewer forwards if the text
            repeats itself or its documents; how many are drafted is decided at each step. `None` drafts nothing. May
            stand in the `generation_config` as well.
        num_assistant_tokens: The most tokens, at least 1, that a draft has of the other model's own choice, if another
            model reads a view (an amateur, an anti-expert). It runs at every token anyway; the first one drafts.
        **model_kwargs: The model's inputs, as `generate()` prepares them.

    Returns:
        What `generate()` returns. Its cache is None: the batch's cache has the views' rows too.

    Raises:
        ValueError: The batch cannot serve an argument, which the message names; the same call without
            `custom_generate`, or without drafts, can.

    Example:
        ```python
        >>> from counterfoil.decoding import CADLogitsProcessor, batched_views
        >>> cad = CADLogitsProcessor(model, contrast_inputs)
        >>> model.generate(**inputs, logits_processor=[cad], custom_generate=batched_views, max_new_tokens=64)
        ```
    """
    mode = _mode_without_drafts(generation_config)
    _refuse(model, input_ids, generation_config, mode, model_kwargs)
    mask = model_kwargs.get("attention_mask")
    if prompt_lookup_num_tokens is None:
        prompt_lookup_num_tokens = generation_config.prompt_lookup_num_tokens
    if prompt_lookup_num_tokens is None and num_assistant_tokens is None:
        batched = BatchedModel(model, _prompt_views(logits_processor))
    else:
        _refuse_drafts(model, logits_processor, mode, prompt_lookup_num_tokens, num_assistant_tokens)
        batched = DraftedModel(
            model,
            _prompt_views(logits_processor),
            generation_config,
            most_copied=prompt_lookup_num_tokens,
            most_chosen=num_assistant_tokens,
        )
        if reason := batched.why_no_drafts(input_ids, mask):
            raise DraftError(reason, of_model=True)
    streamer = generate_argument("streamer")  # generate() has given it the prompt already
    if streamer is None and token_streamer is not None:
        streamer = token_streamer
        streamer.put(input_ids.cpu())
    runner: Any = batched
    processors = _reading_from(batched, logits_processor)
    if reason := batched.why_not_together(input_ids, mask, generation_config.max_length):
        runner, processors = model, logits_processor
        warn_once(
            model,
            "batched views",
            f"{type(model).__name__} computes a row otherwise beside another one ({reason}), so batched_views runs "
            "each view in a forward of its own: the same tokens, at the cost of a forward for each view",
        )
    options: dict[str, Any] = {
        "logits_processor": processors,
        "stopping_criteria": stopping_criteria,
        "generation_config": generation_config,
        **model_kwargs,
    }
    # The loops are methods of the model's class, which the batched model only behaves like.
    loops: Any = type(model)
    try:
        if mode in BEAMS:
            output = loops._beam_search(runner, input_ids, **options)
        else:
            output = loops._sample(runner, input_ids, streamer=streamer, **options)
    finally:
        batched.clear()
    return _without_cache(output)


def drafted_views(
    model: PreTrainedModel,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    token_streamer: BaseStreamer | None = None,
    **model_kwargs: Any,  # noqa: ANN401
) -> Tensor | ModelOutput:
    """Run :func:`batched_views` with drafts where it can have them, and without where it cannot.

    For `generate(custom_generate=drafted_views)`. Arguments, result and errors are those of :func:`batched_views`, with
    `prompt_lookup_num_tokens=10`, and with `num_assistant_tokens=4` if another model reads a view. Beams and layer
    contrasts are decoded without drafts; so is, with a warning, a model whose cache cannot take tokens back.
    """
    call = (model, input_ids, logits_processor, stopping_criteria, generation_config, token_streamer)
    has_amateur = any(is_amateur(view, model) for view in _prompt_views(logits_processor))
    drafts = {"prompt_lookup_num_tokens": MOST_COPIED, "num_assistant_tokens": MOST_CHOSEN if has_amateur else None}
    try:
        return batched_views(*call, **drafts, **model_kwargs)
    except DraftError as refusal:
        if refusal.of_model:
            warn_once(model, "drafts", f"decoding goes on without drafts: {refusal.reason}")
    return batched_views(*call, **model_kwargs)


class DraftError(ValueError):
    """Drafts cannot be had. Raised before anything has run.

    Args:
        reason: Why.
        of_model: Whether a model is the reason, and not how the call decodes.
    """

    def __init__(self, reason: str, *, of_model: bool = False) -> None:
        super().__init__(
            f"batched_views cannot draft: {reason}. Make the same call without `prompt_lookup_num_tokens` and "
            "`num_assistant_tokens`"
        )
        self.reason = reason
        self.of_model = of_model


class _Batched(LogitsProcessor):
    """A contrastive processor that takes what it can of its contrasts from the batched forward."""

    def __init__(self, processor: ContrastLogitsProcessor, model: BatchedModel) -> None:
        self._processor, self._model = processor, model

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        computed = [self._model.contrast_logits.get(id(view)) for view in single_views(self._processor.view)]
        return self._processor.with_contrasts(input_ids, scores, computed)


def _without_cache(output: Tensor | ModelOutput) -> Tensor | ModelOutput:
    if isinstance(output, ModelOutput):
        for name in CACHE_NAMES:
            if name in output:
                output[name] = None
    return output


def _prompt_views(processors: LogitsProcessorList) -> list[PromptView]:
    """Return the views of contrastive processors that read a prompt."""
    contrastive = [processor for processor in processors if isinstance(processor, ContrastLogitsProcessor)]
    return [view for processor in contrastive for view in single_views(processor.view) if isinstance(view, PromptView)]


def _reading_from(batched: BatchedModel, processors: LogitsProcessorList) -> LogitsProcessorList:
    """Return the processors, of which those read their contrasts from the batched model that find them there."""
    chained = LogitsProcessorList()
    for processor in processors:
        is_batched = isinstance(processor, ContrastLogitsProcessor) and batched.runs_any(single_views(processor.view))
        chained.append(_Batched(processor, batched) if is_batched else processor)
    return chained


def _mode_without_drafts(generation_config: GenerationConfig) -> GenerationMode:
    """Return the mode that a configuration asks for, `prompt_lookup_num_tokens` aside."""
    without = copy.copy(generation_config)
    without.prompt_lookup_num_tokens = None
    return without.get_generation_mode()


def _refuse_drafts(
    model: PreTrainedModel,
    processors: LogitsProcessorList,
    mode: GenerationMode,
    most_copied: int | None,
    most_chosen: int | None,
) -> None:
    for name, value in (("prompt_lookup_num_tokens", most_copied), ("num_assistant_tokens", most_chosen)):
        if value is not None:
            check_integer(name, value, 1)
    if mode in BEAMS:
        raise DraftError("the rows of beam search change places at every token")
    for processor in processors:
        # The hidden states that it reads are those of the last token of a forward, which may have been drafted in vain.
        if getattr(getattr(processor, "view", None), "of_main_forward", False):
            raise DraftError(f"{type(processor).__name__} is a layer contrast here, which reads one token a forward")
    if most_chosen is not None and not any(is_amateur(view, model) for view in _prompt_views(processors)):
        raise DraftError("`num_assistant_tokens` needs a view that another model reads, but there is none")


def _refuse(
    model: PreTrainedModel,
    input_ids: Tensor,
    generation_config: GenerationConfig,
    mode: GenerationMode,
    model_kwargs: dict[str, Any],
) -> None:
    given_cache = next((model_kwargs[name] for name in CACHE_NAMES if model_kwargs.get(name) is not None), None)
    positions = model_kwargs.get("position_ids")
    mask = model_kwargs.get("attention_mask")
    reasons = {
        "`assistant_model`": generate_argument("assistant_model") is not None,
        "a streamer under beam search": mode in BEAMS and generate_argument("streamer") is not None,
        f"{mode.value}": mode not in SAMPLING + BEAMS,
        f"the encoder-decoder model {type(model).__name__}": model.config.is_encoder_decoder,
        f"a cache that is not empty (`{CACHE_NAME}`)": given_cache is not None and not is_empty(given_cache),
        f"`cache_implementation={generation_config.cache_implementation!r}`": generation_config.cache_implementation
        not in (None, "dynamic"),
        "`prefill_chunk_size`": generation_config.prefill_chunk_size is not None,
        "`inputs_embeds`": model_kwargs.get("inputs_embeds") is not None,
        "`output_hidden_states`": bool(generation_config.output_hidden_states),
        "`output_attentions`": bool(generation_config.output_attentions),
        "`position_ids` of your own": positions is not None
        and positions.dim() == 2
        and not torch.equal(positions, _usual_positions(input_ids, mask)),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ValueError(f"batched_views cannot serve {reason}: make the same call without `custom_generate`")


def _usual_positions(input_ids: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.arange(input_ids.shape[1], device=input_ids.device).expand(len(input_ids), -1)
    return (mask.long().cumsum(-1) - 1).masked_fill(mask == 0, 0)
