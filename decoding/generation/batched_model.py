"""A model that answers for the main rows, and runs the rows of all views in the same forward.

transformers' own decoding loops ask a model for three things: to prepare inputs, to run them, and to reorder its cache.
Given an object that does these for more rows than it admits to, they decode, sample, stop and search as ever, and the
views cost no forward of their own.

    rows of one forward:   [ main 0 .. n-1 | view 1: 0 .. n-1 | view 2: 0 .. n-1 | ... ]      padded on the left
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ..prompts.collate import joined
from ..views import Prompt, PromptView
from ..views.cached_sequences import CachedSequences

# What generate() prepares for the main rows alone and the joint rows need anew.
OWN_INPUTS = (
    "attention_mask",
    "position_ids",
    "past_key_values",
    "use_cache",
    "logits_to_keep",
    "next_sequence_length",
    "labels",
)


class BatchedSequences(CachedSequences):
    """The joint rows, in the place where a decoding loop keeps its cache."""

    is_croppable = False


class BatchedModel(GenerationMixin):
    """See the module.

    Args:
        model: The model that generates.
        views: Views that read with the same model; each is handed its logits after every forward.
    """

    def __init__(self, model: PreTrainedModel, views: Sequence[PromptView]) -> None:
        self._model = model
        self._views = views
        self._rows = BatchedSequences(model, is_main=True)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._model, name)  # configuration, device and the like are the model's

    def prepare_inputs_for_generation(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        input_ids: Tensor,
        *,
        is_first_iteration: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Hand the main rows' ids on to :meth:`__call__`, at the prefill with what else the model reads."""
        return {"input_ids": input_ids, "prefill": kwargs if is_first_iteration else None}

    def __call__(
        self, input_ids: Tensor, prefill: dict[str, Any] | None, return_dict: bool = True
    ) -> CausalLMOutputWithPast:
        """Run all rows; the main ones' logits `[rows, 1, vocab]` are the answer, the views' are offered to them."""
        rows, copies = len(input_ids), 1 + len(self._views)
        if prefill is not None:
            main_prompt = self._main_prompt(input_ids, prefill)
            mask = main_prompt.attention_mask
            prompts = [main_prompt, *(view.prompt(input_ids, mask) for view in self._views)]
            logits = self._rows.start(joined(prompts), input_ids.new_empty(rows * copies, 0))
        else:
            logits = self._rows.extend(input_ids[:, -1:].repeat(copies, 1))
        main, *others = logits.split(rows)
        for view, other in zip(self._views, others, strict=True):
            view.offer(other)
        return CausalLMOutputWithPast(
            logits=main[:, None],  # pyright: ignore[reportArgumentType]
            past_key_values=self._rows,  # pyright: ignore[reportArgumentType]
        )

    def _reorder_cache(self, past_key_values: BatchedSequences, beam_idx: Tensor) -> BatchedSequences:
        rows = len(beam_idx)
        offsets = torch.arange(1 + len(self._views), device=beam_idx.device)[:, None] * rows
        past_key_values.reorder((beam_idx + offsets).flatten())
        return past_key_values

    def clear(self) -> None:
        """Free the cache, and take back offers that nobody took."""
        self._rows.clear()
        for view in self._views:
            view.reset()

    @staticmethod
    def _main_prompt(input_ids: Tensor, prepared: dict[str, Any]) -> Prompt:
        mask = prepared.get("attention_mask")
        mask = torch.ones_like(input_ids) if mask is None else mask
        extras = {key: value for key, value in prepared.items() if key not in OWN_INPUTS and value is not None}
        positions = prepared.get("position_ids")
        if positions is not None and positions.dim() > 2:  # told by the images' sizes, which are gone by now
            extras["position_ids"] = positions
        return Prompt(input_ids, mask, extras)
