"""All views of a token in one forward, as a `custom_generate` callable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList
from transformers.generation.configuration_utils import GenerationMode
from transformers.utils.generic import ModelOutput

from ..processors.base import ContrastLogitsProcessor
from ..views import PromptView
from ..views.generate_call import argument_of_generate
from ..views.several_views import single_views
from .batched_model import BatchedModel

if TYPE_CHECKING:
    from transformers.generation.streamers import BaseStreamer

SAMPLING = (GenerationMode.GREEDY_SEARCH, GenerationMode.SAMPLE)
BEAMS = (GenerationMode.BEAM_SEARCH, GenerationMode.BEAM_SAMPLE)


def batched_views(
    model: PreTrainedModel,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    token_streamer: BaseStreamer | None = None,
    **model_kwargs: Any,  # noqa: ANN401
) -> Tensor | ModelOutput:
    """Run the views of contrastive processors as further rows of the main forward, for `generate(custom_generate=...)`.

    Decoding is bound by reading weights, and these are read once for all rows: a contrast costs little more than plain
    decoding. The tokens are those of the same call without `custom_generate`. The loop is transformers' own, so
    sampling, beams, stopping criteria, other processors and `return_dict_in_generate` are as ever. Views that read with
    another model keep a forward of their own; layer contrasts need none.

    Args:
        model: A decoder-only model. This and the next four are what `generate()` passes.
        input_ids: `[rows, length]`.
        logits_processor: All processors of the call; the contrastive ones among them are found by their class.
        stopping_criteria: All criteria of the call.
        generation_config: The configuration of the call.
        token_streamer: A streamer, where the loop is called without `generate()`; that one's `streamer` is found.
        **model_kwargs: The model's inputs, as `generate()` prepares them.

    Returns:
        What `generate()` returns. `past_key_values` is None in it: the joint cache has the views' rows too.

    Raises:
        ValueError: For what the joint rows cannot serve, by name; the same call without `custom_generate` can.

    Example:
        ```python
        >>> from counterfoil.decoding import CADLogitsProcessor, batched_views
        >>> cad = CADLogitsProcessor(model, contrast_inputs)
        >>> model.generate(**inputs, logits_processor=[cad], custom_generate=batched_views, max_new_tokens=64)
        ```
    """
    mode = generation_config.get_generation_mode()
    _refuse(model, input_ids, generation_config, mode, model_kwargs)
    streamer = argument_of_generate("streamer")  # which has been given the prompt already
    if streamer is None and token_streamer is not None:
        streamer = token_streamer
        streamer.put(input_ids.cpu())
    views = [
        view
        for processor in logits_processor
        if isinstance(processor, ContrastLogitsProcessor)
        for view in single_views(processor.view)
        if isinstance(view, PromptView)
    ]
    joint = BatchedModel(model, views)
    loops: Any = GenerationMixin  # its methods are annotated for a model, which the joint one only behaves like
    options: dict[str, Any] = {
        "logits_processor": logits_processor,
        "stopping_criteria": stopping_criteria,
        "generation_config": generation_config,
    }
    try:
        if mode in BEAMS:
            output = loops._beam_search(joint, input_ids, **options, **model_kwargs)
        else:
            output = loops._sample(joint, input_ids, **options, streamer=streamer, **model_kwargs)
    finally:
        joint.clear()
    if isinstance(output, ModelOutput):
        output["past_key_values"] = None
    return output


def _refuse(
    model: PreTrainedModel,
    input_ids: Tensor,
    generation_config: GenerationConfig,
    mode: GenerationMode,
    model_kwargs: dict[str, Any],
) -> None:
    given_cache = model_kwargs.get("past_key_values")
    positions = model_kwargs.get("position_ids")
    mask = model_kwargs.get("attention_mask")
    reasons = {
        "`assistant_model`": argument_of_generate("assistant_model") is not None,
        "a streamer under beam search": mode in BEAMS and argument_of_generate("streamer") is not None,
        f"{mode.value}": mode not in SAMPLING + BEAMS,
        f"the encoder-decoder model {type(model).__name__}": model.config.is_encoder_decoder,
        "a cache that is not empty (`past_key_values`)": given_cache is not None and given_cache.get_seq_length() > 0,
        f"`cache_implementation={generation_config.cache_implementation!r}`": generation_config.cache_implementation
        not in (None, "dynamic"),
        "`prefill_chunk_size`": generation_config.prefill_chunk_size is not None,
        "`inputs_embeds`": model_kwargs.get("inputs_embeds") is not None,
        "`output_hidden_states`": bool(generation_config.output_hidden_states),
        "`output_attentions`": bool(generation_config.output_attentions),
        "`position_ids` of your own": positions is not None
        and positions.dim() == 2
        and not torch.equal(positions, _positions_of(input_ids, mask)),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ValueError(f"batched_views cannot serve {reason}: make the same call without `custom_generate`")


def _positions_of(input_ids: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.arange(input_ids.shape[1], device=input_ids.device).expand(len(input_ids), -1)
    return (mask.long().cumsum(-1) - 1).masked_fill(mask == 0, 0)
