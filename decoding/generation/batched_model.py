"""A model whose forward runs the rows of all views together.

    rows of one forward:   [ main 0 .. n-1 | view 1: 0 .. n-1 | view 2: 0 .. n-1 | ... ]      padded on the left

transformers' own decoding loops ask a model to prepare inputs, to run them, and to reorder its cache. Given an object
that does these three for the rows of all views and shows the main ones alone, they decode, sample, stop and search as
with any model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ..prompts.collate import collate
from ..prompts.prompt import Prompt
from ..views.cached_sequences import CachedSequences
from ..views.forward_recorder import CACHE_NAME, CACHE_NAMES
from ..views.probes import check_reorderable, why_rows_differ
from ..views.prompt_view import PromptView

REBUILT_INPUTS = ("attention_mask", "position_ids", "use_cache", "logits_to_keep", "next_sequence_length", "labels")
"""Inputs that generate() prepares for the main rows alone; besides the cache, they are rebuilt for the batch."""


class BatchedSequences(CachedSequences):
    """The rows of all views. A decoding loop holds them in the place of its cache."""

    is_croppable = False


class BatchedModel(GenerationMixin):
    """Runs the main rows and those of several views in each forward.

    Args:
        model: The model that generates.
        views: Views that the same model reads.

    Attributes:
        contrast_logits: `[rows, vocab]` of each view, from the latest forward.
    """

    def __init__(self, model: PreTrainedModel, views: Sequence[PromptView]) -> None:
        self._model = model
        self._views = views
        self._sequences = BatchedSequences(model, has_main=True)
        self.contrast_logits: Sequence[Tensor] = ()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._model, name)  # configuration, device and the like are the model's

    def why_not_together(self, input_ids: Tensor, mask: Tensor | None, max_length: int | None) -> str | None:
        """Return why one forward over all rows would give other logits than one for each view; `None` if it would not.

        Args:
            input_ids: The main prompts `[rows, length]`.
            mask: Which of their tokens are no padding.
            max_length: How many columns the main rows may get.
        """
        if not self._views:
            return None
        mask = mask if mask is not None and mask.dim() == 2 else torch.ones_like(input_ids)
        masks = [mask, *(view.contrast_prompts(input_ids, mask).attention_mask for view in self._views)]
        lengths = [length for each in masks for length in each.sum(-1).tolist()]
        if min(lengths) == max(lengths):
            return None  # no row is padded
        new = max(max_length - input_ids.shape[1], 1) if max_length else 1
        return why_rows_differ(self._model, [length + new for length in lengths])

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
        rows, copies = len(input_ids), 1 + len(self._views)
        if prefill is not None:
            main_prompt = self._main_prompt(input_ids, prefill)
            prompts = [view.prompt(input_ids, main_prompt.attention_mask) for view in self._views]
            logits = self._sequences.prefill(collate([main_prompt, *prompts]), input_ids.new_empty(rows * copies, 0))
        else:
            logits = self._sequences.step(input_ids[:, -1:].repeat(copies, 1))
        main, *self.contrast_logits = logits.split(rows)
        output: dict[str, Any] = {"logits": main[:, None], CACHE_NAME: self._sequences}
        return CausalLMOutputWithPast(**output)

    def _reorder_cache(self, cache: BatchedSequences, beam_idx: Tensor) -> BatchedSequences:
        check_reorderable(cache)
        rows = len(beam_idx)
        offsets = torch.arange(1 + len(self._views), device=beam_idx.device)[:, None] * rows
        cache.reorder((beam_idx + offsets).flatten())
        return cache

    def clear(self) -> None:
        """Free the cache and the latest logits."""
        self._sequences.clear()
        self.contrast_logits = ()

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
