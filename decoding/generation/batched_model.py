"""A model whose forward runs the rows of all views together.

    rows of one forward:   [ main 0 .. n-1 | view 1: 0 .. n-1 | view 2: 0 .. n-1 | ... ]      padded on the left

The prompts alone are read apart if their lengths differ, see :mod:`.side_by_side`.

transformers' own decoding loops ask a model to prepare inputs, to run them, and to reorder its cache. Given an object
that does these three for the rows of all views and shows the main ones alone, they decode, sample, stop and search as
with any model.

Views that another model reads are rows of a forward of that one, if there are several of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ..prompts.prompt import Prompt
from ..views.forward_recorder import CACHE_NAME, CACHE_NAMES
from ..views.probes import check_reorderable
from ..views.prompt_view import PromptView
from .side_by_side import SideBySide

REBUILT_INPUTS = ("attention_mask", "position_ids", "use_cache", "logits_to_keep", "next_sequence_length", "labels")
"""Inputs that generate() prepares for the main rows alone; besides the cache, they are rebuilt for the batch."""


class BatchedSequences(SideBySide):
    """The rows of all views. A decoding loop holds them in the place of its cache."""

    is_croppable = False


class SharedForward:
    """Runs the rows of several views that one model reads, other than the one that generates, in each forward.

    Args:
        model: The model.
        views: The views.
    """

    def __init__(self, model: PreTrainedModel, views: Sequence[PromptView]) -> None:
        self.model = model
        self.views = views
        self._sequences = SideBySide(model)

    def why_not_together(self, masks: Sequence[Tensor], new_tokens: int) -> str | None:
        """Return why the rows cannot share forwards, see :meth:`.SideBySide.why_not_together`."""
        return self._sequences.why_not_together(masks, new_tokens)

    def prefill(self, input_ids: Tensor, mask: Tensor) -> Sequence[Tensor]:
        """Return the logits `[rows, vocab]` of each view behind the main prompts `[rows, length]` and their mask."""
        ids, mask = (values.to(self._sequences.model.device) for values in (input_ids, mask))
        prompts = [view.prompt(ids, mask) for view in self.views]
        return self._sequences.prefill_prompts(prompts).chunk(len(self.views))

    def step(self, tokens: Tensor) -> Sequence[Tensor]:
        """Return the logits of each view behind the main rows' new tokens `[rows, 1]`."""
        rows = tokens.to(self._sequences.model.device).repeat(len(self.views), 1)
        return self._sequences.step(rows).chunk(len(self.views))

    def reorder(self, index: Tensor) -> None:
        """Make the rows of each view what those were that `index` `[rows]` names."""
        check_reorderable(self._sequences)
        self._sequences.reorder(index_of_views(index, len(self.views)).to(self._sequences.model.device))

    def clear(self) -> None:
        """Free the cache."""
        self._sequences.clear()


def index_of_views(index: Tensor, views: int) -> Tensor:
    """Return an index `[views * rows]` that does to the rows of each view what `index` `[rows]` does to main rows."""
    offsets = torch.arange(views, device=index.device)[:, None] * len(index)
    return (index + offsets).flatten()


class BatchedModel(GenerationMixin):
    """Runs the main rows and those of several views in each forward.

    Args:
        model: The model that generates.
        views: The views. One that is alone in being read by another model is left out.

    Attributes:
        contrast_logits: `[rows, vocab]` of each view by its identity, from the latest forward.
    """

    def __init__(self, model: PreTrainedModel, views: Sequence[PromptView]) -> None:
        self._model = model
        self._views = [view for view in views if view.model is model]
        self._sequences = BatchedSequences(model, has_main=True)
        others = [view for view in views if view.model is not model and not view.model.config.is_encoder_decoder]
        by_model = {id(view.model): view.model for view in others}
        shared = [(other, [view for view in others if view.model is other]) for other in by_model.values()]
        self._shared = [SharedForward(other, own) for other, own in shared if len(own) > 1]
        self.contrast_logits: dict[int, Tensor] = {}

    def runs_any(self, views: Sequence[Any]) -> bool:
        """Return whether any of these views is among the rows of a forward here."""
        own = {id(view) for view in self._views} | {id(view) for forward in self._shared for view in forward.views}
        return any(id(view) in own for view in views)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._model, name)  # configuration, device and the like are the model's

    def why_not_together(self, input_ids: Tensor, mask: Tensor | None, max_length: int | None) -> str | None:
        """Return why one forward over all rows would give other logits than one for each view; `None` if it would not.

        Args:
            input_ids: The main prompts `[rows, length]`.
            mask: Which of their tokens are no padding.
            max_length: How many columns the main rows may get.
        """
        mask = mask if mask is not None and mask.dim() == 2 else torch.ones_like(input_ids)
        new = max(max_length - input_ids.shape[1], 1) if max_length else 1
        forwards: list[tuple[SideBySide | SharedForward, Sequence[PromptView], list[Tensor]]]
        forwards = [(self._sequences, self._views, [mask])] if self._views else []
        forwards += [(forward, forward.views, []) for forward in self._shared]
        for forward, views, masks in forwards:
            read = [*masks, *(view.contrast_prompts(input_ids, mask).attention_mask for view in views)]
            if reason := forward.why_not_together(read, new):
                return reason
        return None

    def prepare_inputs_for_generation(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        input_ids: Tensor,
        *,
        is_first_iteration: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Return the arguments of :meth:`__call__`: the main rows' ids, and at the prefill the model's other inputs."""
        return {"input_ids": input_ids, "prefill": kwargs if is_first_iteration else None}

    def __call__(
        self, input_ids: Tensor, prefill: dict[str, Any] | None, return_dict: bool = True
    ) -> CausalLMOutputWithPast:
        """Run all rows; return the main ones' logits `[rows, 1, vocab]` and keep those of the views."""
        rows = len(input_ids)
        main_prompt = None if prefill is None else self._main_prompt(input_ids, prefill)
        if main_prompt is not None:
            prompts = [view.prompt(input_ids, main_prompt.attention_mask) for view in self._views]
            logits = self._sequences.prefill_prompts([main_prompt, *prompts])
        else:
            logits = self._step(input_ids)
        main, *contrasts = logits.split(rows)
        self.contrast_logits = dict(zip(map(id, self._views), contrasts, strict=True))
        for forward in self._shared:
            if main_prompt is None:
                own = forward.step(input_ids[:, -1:])
            else:
                own = forward.prefill(input_ids, main_prompt.attention_mask)
            self.contrast_logits |= dict(zip(map(id, forward.views), own, strict=True))
        output: dict[str, Any] = {"logits": main[:, None], CACHE_NAME: self._sequences}
        return CausalLMOutputWithPast(**output)

    def _step(self, input_ids: Tensor) -> Tensor:
        """Return the logits `[rows of all views, vocab]` behind the main rows' newest token."""
        return self._sequences.step(input_ids[:, -1:].repeat(1 + len(self._views), 1))

    def _reorder_cache(self, cache: BatchedSequences, beam_idx: Tensor) -> BatchedSequences:
        check_reorderable(cache)
        cache.reorder(index_of_views(beam_idx, 1 + len(self._views)))
        for forward in self._shared:
            forward.reorder(beam_idx)
        return cache

    def clear(self) -> None:
        """Free the cache and the latest logits."""
        self._sequences.clear()
        for forward in self._shared:
            forward.clear()
        self.contrast_logits = {}

    @staticmethod
    def _main_prompt(input_ids: Tensor, prepared: dict[str, Any]) -> Prompt:
        mask = prepared.get("attention_mask")
        mask = torch.ones_like(input_ids) if mask is None else mask
        rebuilt = (*REBUILT_INPUTS, *CACHE_NAMES)
        extras = {key: value for key, value in prepared.items() if key not in rebuilt and value is not None}
        positions = prepared.get("position_ids")
        if positions is not None and positions.dim() > 2:  # they depend on the images' sizes, which are gone by now
            extras["position_ids"] = positions
        return Prompt(input_ids, mask, extras)
