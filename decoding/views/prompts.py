"""The views that read the same continuation behind some prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..methods.validation import check_integer
from ..prompts.prompt import Prompt, as_prompt
from .prompt_view import FollowingView
from .unwrap_model import unwrapped


class OtherPrompt(FollowingView):
    """Another prompt: without the documents, with another name, with a bad instruction.

    Args:
        model: What reads it.
        inputs: What the tokenizer or processor returns, one row for each prompt of the batch, padded on either side;
            pixels and the like are read once, with the prompt.
        name: What the caller's argument is called, for the messages.
    """

    def __init__(self, model: PreTrainedModel, inputs: Mapping[str, Any], name: str = "contrast_inputs") -> None:
        super().__init__(model, as_prompt(inputs, name))


class SamePrompt(FollowingView):
    """The main prompt, read by another model.

    Which tokens of the main prompt are padding is read off the running `generate()` call. Where a processor is called
    directly, it is taken to be the pad tokens that rows begin with, beyond what all of them begin with: that is right
    where the longest row has no padding, also for models whose pad token is the one that begins every text.

    Args:
        model: What reads it: the amateur.
        attention_mask: `[prompts, length]` of the main prompts, where the rule above does not hold.
    """

    def __init__(self, model: PreTrainedModel, attention_mask: Tensor | None = None) -> None:
        _refuse_encoder_decoder(model)
        super().__init__(model, lambda ids, told: main_prompt(ids, self.model, attention_mask, told))


class CutContext(FollowingView):
    """The last tokens of the main prompt alone.

    Args:
        model: What reads it; the expert itself, or an amateur.
        last: How many tokens at the prompt's end it sees, at least 1 (Li et al. 2022 cut the amateur's to 1).
        attention_mask: As for :class:`SamePrompt`.
    """

    def __init__(self, model: PreTrainedModel, last: int, attention_mask: Tensor | None = None) -> None:
        _refuse_encoder_decoder(model)
        check_integer("last", last, 1)

        def cut(ids: Tensor, told: Tensor | None) -> Prompt:
            whole = main_prompt(ids, self.model, attention_mask, told)
            return Prompt(whole.input_ids[:, -last:], whole.attention_mask[:, -last:], {})

        super().__init__(model, cut)


def main_prompt(ids: Tensor, model: PreTrainedModel, attention_mask: Tensor | None, told: Tensor | None) -> Prompt:
    """The main prompts `[rows, length]` with their padding told from their tokens, see :class:`SamePrompt`.

    Args:
        ids: `[rows, length]`.
        model: What reads them; its pad token decides where nothing else does.
        attention_mask: What the caller of the method gave, `[prompts, length]`.
        told: What the running `generate()` call says, `[rows, length]`.
    """
    if ids.shape[1] == 0:
        raise ValueError(
            "the main prompt has to be given as `input_ids` to be read by another view, but is given as `inputs_embeds`"
        )
    if attention_mask is not None:
        if ids.shape[1] != attention_mask.shape[1] or len(ids) % len(attention_mask):
            raise ValueError(
                f"`attention_mask` has to be that of the prompts {list(ids.shape)}, "
                f"but has shape {list(attention_mask.shape)}"
            )
        return Prompt(ids, attention_mask.to(ids.device).repeat_interleave(len(ids) // len(attention_mask), 0), {})
    if told is not None:
        return Prompt(ids, told, {})
    pad = getattr(model.generation_config, "pad_token_id", None)
    if pad is None:
        if len(ids) > 1:
            raise ValueError(
                f"`attention_mask` has to be given for several rows where {type(model).__name__} names no pad token, "
                "but is None"
            )
        return Prompt(ids, torch.ones_like(ids), {})
    leading = (ids == pad).long().cumprod(-1).sum(-1)
    padding = leading - leading.min()
    columns = torch.arange(ids.shape[1], device=ids.device)
    return Prompt(ids, (columns >= padding[:, None]).long(), {})


def _refuse_encoder_decoder(model: PreTrainedModel) -> None:
    if unwrapped(model, "amateur").config.is_encoder_decoder:
        raise ValueError(
            f"`amateur` has to be decoder-only to read the main prompt, but is a {type(model).__name__}: its encoder's "
            "prompt is not known to a processor. Pass OtherPrompt(model, inputs)"
        )
