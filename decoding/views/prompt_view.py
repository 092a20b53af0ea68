"""Views of the same continuation behind another prompt, or read by another model.

main:      [ prompt x  ] [ continuation ]
contrast:  [ prompt x' ] [ continuation ]     own lengths, padding, positions and cache
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..methods.parameters import check_integer
from ..prompts.multimodal import encode_images, expand_rows
from ..prompts.prompt import Prompt, as_prompt, check_readable
from .cached_sequences import CachedSequences
from .generate_call import Generation
from .probes import check_in_turns, check_reorderable, why_not_reordered
from .unwrap_model import input_device, unwrap_model


class PromptView(ABC):
    """Base of the views that read the main continuation behind a prompt of their own.

    One more token, rows that beam search permutes or drops, and rows multiplied by beams or `num_return_sequences` are
    followed on the cache. Anything else (several tokens at once, tokens taken back) is recomputed from the prompt.

    Attributes:
        model: The model that reads the contrast.
        needs_mask: Whether :meth:`contrast_prompts` must know which tokens of the main prompts are padding.
        depends_on_main: Whether the contrast prompts are made from the main prompts, so that rows with equal main ids
            have equal contrasts.
    """

    needs_mask = False
    depends_on_main = False

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = unwrap_model(model, "model")

    @abstractmethod
    def contrast_prompts(self, input_ids: Tensor, attention_mask: Tensor | None) -> Prompt:
        """Return the contrast prompts.

        Args:
            input_ids: The main prompts `[rows, length]`.
            attention_mask: Which of their tokens are no padding, `[rows, length]`; `None` if that is unknown.

        Returns:
            One row for each main prompt, which serves all rows of it (its beams or returned sequences), or one row for
            all, or one for each row of `input_ids`.
        """

    def logits(self, input_ids: Tensor, generation: Generation) -> Tensor:
        """Return the logits `[rows, vocab]` of the next token, in the model's dtype.

        Args:
            input_ids: `[rows, length]`, the whole main sequences.
            generation: The generation that they belong to, at its current step.
        """
        rows = generation.state(self, lambda: _ContrastRows(self))
        return rows.logits(input_ids.to(input_device(self.model, input_ids.device)), generation)

    def prompt(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Prompt:
        """Return the contrast prompts, expanded to one row for each row of the main prompts.

        Images are read once for each prompt, whatever the number of its rows. The arguments are those of
        :meth:`contrast_prompts`.
        """
        prompt = self.checked_prompts(input_ids, attention_mask)
        repeats = len(input_ids) // prompt.rows
        if self.model.config.is_encoder_decoder:
            return prompt.repeat_interleave(repeats)
        return expand_rows(encode_images(prompt, self.model), repeats, self.model)

    def checked_prompts(self, input_ids: Tensor, attention_mask: Tensor | None) -> Prompt:
        """Return :meth:`contrast_prompts` on the model's device, if the model can read them beside these rows.

        Raises:
            ValueError: The number of rows does not fit, or the model cannot read a prompt.
        """
        prompt = self.contrast_prompts(input_ids, attention_mask)
        if len(input_ids) % prompt.rows:
            raise ValueError(
                f"the contrast has to have one row for each prompt, but has {prompt.rows} rows "
                f"beside {len(input_ids)} sequences"
            )
        sharing = input_ids.unflatten(0, (prompt.rows, -1))
        if 1 < prompt.rows < len(input_ids) and not bool((sharing == sharing[:, :1]).all()):
            raise ValueError(
                f"the contrast has to have one row for each prompt, but has {prompt.rows} rows for more prompts: "
                "rows that would share one are not alike"
            )
        check_readable(prompt, self.model)
        return prompt.to(input_device(self.model, input_ids.device))

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return copy.copy(self)  # what changes is kept with the generation; a model is not copied along


class OtherPrompt(PromptView):
    """Another prompt: without the documents, with another name, with a bad instruction.

    Args:
        model: The model that reads it.
        inputs: What the tokenizer or processor returns, one row for each prompt of the batch, padded on either side.
            Pixels and the like are read once, with the prompt.
        name: The name of the caller's argument, for the messages.
    """

    def __init__(self, model: PreTrainedModel, inputs: Mapping[str, Any], name: str = "contrast_inputs") -> None:
        super().__init__(model)
        self._prompt = as_prompt(inputs, name)

    def contrast_prompts(self, input_ids: Tensor, attention_mask: Tensor | None) -> Prompt:
        """Return the prompts that were given."""
        return self._prompt


class SamePrompt(PromptView):
    """The main prompt, read by another model.

    Which tokens of it are padding is seen in the forward of the generating model. If a processor is called directly,
    with no such forward, padding is taken to be the pad tokens that a row begins with, beyond those that all rows begin
    with: that is right if the longest row has no padding, also for models whose pad token begins every text.

    Args:
        model: The model that reads it: the amateur.
        attention_mask: `[prompts, length]` of the main prompts, to be used instead.
    """

    depends_on_main = True

    def __init__(self, model: PreTrainedModel, attention_mask: Tensor | None = None) -> None:
        _refuse_encoder_decoder(model)
        super().__init__(model)
        self._attention_mask = attention_mask
        self.needs_mask = attention_mask is None

    def contrast_prompts(self, input_ids: Tensor, attention_mask: Tensor | None) -> Prompt:
        """Return the main prompts."""
        return main_prompts(input_ids, self.model, self._attention_mask, attention_mask)


class CutContext(SamePrompt):
    """The last tokens of the main prompt alone.

    Args:
        model: The model that reads them: the expert itself, or an amateur.
        last: How many tokens at the end of the prompt it sees, at least 1 (Li et al. 2022 cut the amateur's to 1).
        attention_mask: As for :class:`SamePrompt`.
    """

    def __init__(self, model: PreTrainedModel, last: int, attention_mask: Tensor | None = None) -> None:
        check_integer("last", last, 1)
        super().__init__(model, attention_mask)
        self._last = last

    def contrast_prompts(self, input_ids: Tensor, attention_mask: Tensor | None) -> Prompt:
        """Return the last tokens of the main prompts."""
        whole = super().contrast_prompts(input_ids, attention_mask)
        return Prompt(whole.input_ids[:, -self._last :], whole.attention_mask[:, -self._last :], {})


class _ContrastRows:
    """The rows of a view in one generation, on their cache."""

    def __init__(self, view: PromptView) -> None:
        self._view = view
        self._is_encoder_decoder = view.model.config.is_encoder_decoder
        self._sequences = CachedSequences(view.model)
        self._main: Tensor | None = None  # the main ids at the last step
        self._group = 1  # how many neighbouring rows have one prompt, among which beam search moves them

    def logits(self, ids: Tensor, generation: Generation) -> Tensor:
        """Return `[rows, vocab]` after the main ids `[rows, length]`."""
        if self._follow(ids, keeps_rows=generation.keeps_rows):
            self._main = ids
            return self._sequences.step(ids[:, -1:])
        view, mask = self._view, generation.prompt_mask
        if mask is None and generation.in_generate and view.needs_mask:
            raise ValueError(
                "`model` has to be the model that generates for its padding to be known, but its forward was not seen: "
                f"pass that model, or {type(view).__name__}(..., attention_mask=...)"
            )
        main = ids[:, : generation.prompt_length]
        # The prompt of an encoder-decoder model is in its encoder: all of the decoder's ids are continuation.
        continuation = ids[:, 0 if self._is_encoder_decoder else generation.prompt_length :]
        prompt = view.checked_prompts(main, mask)
        repeats = len(ids) // prompt.rows
        # Rows of different prompts are different sequences, also if their main ids are equal.
        self._group = len(ids) if view.depends_on_main else repeats
        self._main = ids
        if self._is_encoder_decoder:
            return self._sequences.prefill(prompt.repeat_interleave(repeats), continuation)
        if continuation.shape[1]:
            return self._sequences.prefill(view.prompt(main, mask), continuation)
        logits = self._sequences.prefill(prompt, continuation[: prompt.rows])
        check_in_turns(self._sequences)
        if repeats == 1:
            return logits
        if why_not_reordered(self._sequences):
            return self._sequences.prefill(view.prompt(main, mask), continuation)
        # One prefill of a prompt serves all rows that share it.
        index = torch.arange(prompt.rows, device=logits.device).repeat_interleave(repeats)
        self._sequences.reorder(index)
        return logits[index]

    def _follow(self, ids: Tensor, *, keeps_rows: bool) -> bool:
        """Put the rows in the order from which `ids` grew by one token; return False if they grew in another way."""
        before = self._main
        if before is None or ids.shape[1] != before.shape[1] + 1 or len(ids) != len(before):
            return False
        prefix = ids[:, :-1]
        if keeps_rows or torch.equal(prefix, before):
            return True
        now, then = prefix.unflatten(0, (-1, self._group)), before.unflatten(0, (-1, self._group))
        same = (now[:, :, None] == then[:, None]).all(-1)  # [prompts, rows now, rows then]
        if not bool(same.any(-1).all()):
            return False
        index = same.int().argmax(-1) + torch.arange(len(now), device=ids.device)[:, None] * self._group
        check_reorderable(self._sequences)
        self._sequences.reorder(index.flatten())
        return True


def main_prompts(ids: Tensor, model: PreTrainedModel, given: Tensor | None, seen: Tensor | None) -> Prompt:
    """Return the main prompts with their padding told from their tokens, see :class:`SamePrompt`.

    Args:
        ids: `[rows, length]`.
        model: The model that reads them; its pad token decides if neither mask is there.
        given: The attention mask `[prompts, length]` that the user gave.
        seen: The attention mask `[rows, length]` that the generating model was given.
    """
    if ids.shape[1] == 0:
        raise ValueError(
            "the main prompt has to be given as `input_ids` to be read by another view, but is given as `inputs_embeds`"
        )
    if given is not None:
        if ids.shape[1] != given.shape[1] or len(ids) % len(given):
            raise ValueError(
                f"`attention_mask` has to be that of the prompts {list(ids.shape)}, but has shape {list(given.shape)}"
            )
        return Prompt(ids, given.to(ids.device).repeat_interleave(len(ids) // len(given), 0), {})
    if seen is not None:
        return Prompt(ids, seen.to(ids.device), {})
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
