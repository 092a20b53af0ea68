"""A view that follows the main sequence under another prompt, or another model.

    main:   [ prompt x  ] [ continuation ]
    view:   [ prompt x' ] [ continuation ]     own lengths, padding, positions and cache

It is told the main sequence's ids at every step and finds out by itself what happened to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessorList, PreTrainedModel

from ..methods.parameters import check_integer
from ..prompts.multimodal import encoded, multiplied
from ..prompts.prompt import Prompt, as_prompt, check_readable
from .cached_sequences import CachedSequences
from .generate_call import ServedCall, main_attention_mask
from .unwrap_model import unwrap_model

PromptOf = Callable[[Tensor, Tensor | None], Prompt]


class PromptView:
    """Next-token logits of the same continuation behind another prompt.

    Each call takes the main sequence's ids `[rows, length]`. One more token, rows permuted or dropped by beam search
    and rows multiplied by beams or `num_return_sequences` are followed on the cache; a new `generate()` call starts
    again; anything else (several tokens at once, tokens taken back) is recomputed from the prompt.

    Called outside of `generate()` (`generation=None`) there is no telling a new sequence from a continued one but by
    the ids: ids that repeat the last ones with one more token continue, all others start anew.

    Args:
        model: What reads the view.
        prompt: The view's prompts: one for each main prompt, which then serves all rows of it (its beams or returned
            sequences), or a single one for all. Or a function that makes them, row by row, from the main prompts
            `[rows, length]` and their attention mask (`None` where nothing tells it).
    """

    def __init__(self, model: PreTrainedModel, prompt: Prompt | PromptOf) -> None:
        self.model = unwrap_model(model, "model")
        self._given = prompt
        self._sequence = CachedSequences(self.model)
        self._offered: Tensor | None = None
        self._call = ServedCall(self.reset)
        self._main: Tensor | None = None  # the main ids at the last call
        self._main_mask: Tensor | None = None
        self._prompt_length = 0
        self._beams = 1

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        """Logits `[rows, vocab]` of the next token, in the model's dtype.

        Args:
            input_ids: `[rows, length]`, the whole main sequence.
            generation: Identifies the `generate()` call, see :func:`.generation.calling_generation`.
        """
        if self._offered is not None:
            offered, self._offered = self._offered, None
            return offered
        ids = input_ids.to(self.model.device)
        index = None if self._main is None else self._rows_before(ids)
        # A direct call has nothing but its ids to tell whether it continues the last one.
        if (self._call.begins(generation) and not (generation is None and index is not None)) or self._main is None:
            return self._begin(ids)
        if index is None:
            return self._recompute(ids)
        if not torch.equal(index, torch.arange(len(index), device=index.device)):
            self._sequence.reorder(index)
        self._main = ids
        return self._sequence.extend(ids[:, -1:])

    def offer(self, logits: Tensor) -> None:
        """Hand in the next answer: a loop that runs this view in its own forward calls this before the processor."""
        self._offered = logits

    def prompt(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Prompt:
        """The view's prompts beside these main prompts and their mask, one a row of `input_ids`.

        Images are read once for each prompt, whatever the number of its rows.
        """
        prompt = self._prompt_beside(input_ids, attention_mask)
        repeats = len(input_ids) // prompt.rows
        if self.model.config.is_encoder_decoder:
            return prompt.repeated(repeats)
        return multiplied(encoded(prompt, self.model), repeats, self.model)

    def reset(self) -> None:
        """Forget the sequence and free the cache; the next call starts anew."""
        self._sequence.clear()
        self._main = self._main_mask = self._offered = None

    def _begin(self, ids: Tensor) -> Tensor:
        self.reset()
        # An encoder-decoder model's prompt is in its encoder: all of the decoder's ids are continuation.
        self._prompt_length = 0 if self.model.config.is_encoder_decoder else ids.shape[1]
        self._main_mask = told_mask(ids)
        prompt = self._prompt_beside(ids, self._main_mask)
        repeats = len(ids) // prompt.rows
        # Rows made from the main ids are alike where those are; given ones belong to their prompt.
        self._beams = repeats if isinstance(self._given, Prompt) else len(ids)
        self._main = ids
        if self.model.config.is_encoder_decoder:
            return self._sequence.start(prompt.repeated(repeats), ids)
        logits = self._sequence.start(prompt, ids.new_empty(prompt.rows, 0))
        if repeats == 1:
            return logits
        # One prefill a prompt serves all rows that share it.
        index = torch.arange(prompt.rows, device=logits.device).repeat_interleave(repeats)
        self._sequence.reorder(index)
        return logits[index]

    def _recompute(self, ids: Tensor) -> Tensor:
        assert self._main is not None
        prompt = self.prompt(ids[:, : self._prompt_length or ids.shape[1]], self._main_mask)
        self._main = ids
        return self._sequence.start(prompt, ids[:, self._prompt_length :])

    def _rows_before(self, ids: Tensor) -> Tensor | None:
        """For each row the row it grew from by one token, or `None` where some row did not."""
        before = self._main
        assert before is not None
        if ids.shape[1] != before.shape[1] + 1 or len(ids) != len(before):
            return None
        prefix = ids[:, :-1]
        if torch.equal(prefix, before):
            return torch.arange(len(ids), device=ids.device)
        # Beam search moves rows about within one prompt's beams. Equal ids of *different* prompts' rows are not the
        # same sequence (their views may differ), so rows are matched within their prompt.
        now, then = prefix.unflatten(0, (-1, self._beams)), before.unflatten(0, (-1, self._beams))
        same = (now[:, :, None] == then[:, None]).all(-1)  # [prompts, beams now, beams then]
        if not bool(same.any(-1).all()):
            return None
        index = same.int().argmax(-1) + torch.arange(len(now), device=ids.device)[:, None] * self._beams
        return index.flatten()

    def _prompt_beside(self, ids: Tensor, mask: Tensor | None) -> Prompt:
        prompt = self._given if isinstance(self._given, Prompt) else self._given(ids, mask)
        if len(ids) % prompt.rows:
            raise ValueError(
                f"the contrast has to have one row for each prompt, but has {prompt.rows} rows "
                f"beside {len(ids)} sequences"
            )
        if isinstance(self._given, Prompt) and prompt.rows > 1:
            sharing = ids.unflatten(0, (prompt.rows, -1))
            if not bool((sharing == sharing[:, :1]).all()):
                raise ValueError(
                    f"the contrast has to have one row for each prompt, but has {prompt.rows} rows for more prompts: "
                    "rows that would share one are not alike"
                )
        check_readable(prompt, self.model)
        return prompt.to(self.model.device)


class OtherPrompt(PromptView):
    """Another prompt: without the documents, with another name, with a bad instruction.

    Args:
        model: What reads it.
        inputs: What the tokenizer or processor returns, one row for each prompt of the batch, padded on either side;
            pixels and the like are read once, with the prompt.
        name: What the caller's argument is called, for the messages.
    """

    def __init__(self, model: PreTrainedModel, inputs: Mapping[str, Any], name: str = "contrast_inputs") -> None:
        super().__init__(model, as_prompt(inputs, name))


class SamePrompt(PromptView):
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


class CutContext(PromptView):
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
    if unwrap_model(model, "model").config.is_encoder_decoder:
        raise ValueError(
            f"`model` has to be decoder-only to read the main prompt, but is a {type(model).__name__}: its encoder's "
            "prompt is not known to a processor. Pass another prompt, or OtherPrompt(model, inputs)"
        )


def told_mask(ids: Tensor) -> Tensor | None:
    """The attention mask of the main ids `[rows, length]`, where the running `generate()` call tells it."""
    told, mask = main_attention_mask(ids.shape[1])
    if not told:
        return None
    return torch.ones_like(ids) if mask is None else mask.to(ids.device)
