"""A model that answers for the main rows, and runs the rows of all views in the same forward.

transformers' own decoding loops ask a model for three things: to prepare inputs, to run them, and to reorder its cache.
Given an object that does these for more rows than it admits to, they decode, sample, stop and search as ever, and the
views cost no forward of their own.

    rows of one forward:   [ main 0 .. n-1 | view 1: 0 .. n-1 | view 2: 0 .. n-1 | ... ]      padded on the left

Views that read with another model are rows of a forward of that one, which they share as well.
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


class SharedForward:
    """Views that read with one model, other than the one that generates: their rows are one batch.

    Args:
        model: The model.
        views: The views; each is handed its logits after every forward.
    """

    def __init__(self, model: PreTrainedModel, views: Sequence[PromptView]) -> None:
        self.views = views
        self._rows = CachedSequences(model)

    def start(self, input_ids: Tensor, mask: Tensor) -> None:
        """Read the views' prompts beside the main ones `[rows, length]` and their mask."""
        ids, mask = (values.to(self._rows.model.device) for values in (input_ids, mask))
        prompts = joined([view.prompt(ids, mask) for view in self.views])
        self._offer(self._rows.start(prompts, ids.new_empty(prompts.rows, 0)))

    def extend(self, tokens: Tensor) -> None:
        """Read the main rows' new tokens `[rows, 1]`."""
        self._offer(self._rows.extend(tokens.to(self._rows.model.device).repeat(len(self.views), 1)))

    def reorder(self, index: Tensor) -> None:
        """Make the rows what those were that the main rows `[rows]` were."""
        self._rows.reorder(of_all_views(index, len(self.views)).to(self._rows.model.device))

    def clear(self) -> None:
        """Free the cache."""
        self._rows.clear()

    def _offer(self, logits: Tensor) -> None:
        for view, own in zip(self.views, logits.chunk(len(self.views)), strict=True):
            view.offer(own)


def of_all_views(index: Tensor, views: int) -> Tensor:
    """Return an index `[views * rows]` that does to the rows of each view what `index` `[rows]` does to main rows."""
    offsets = torch.arange(views, device=index.device)[:, None] * len(index)
    return (index + offsets).flatten()


class BatchedModel(GenerationMixin):
    """See the module.

    Args:
        model: The model that generates.
        views: The views, whatever they read with; each is handed its logits after every forward. A view that is alone
            in reading with its model is left to itself.
    """

    def __init__(self, model: PreTrainedModel, views: Sequence[PromptView]) -> None:
        self._model = model
        self._views = [view for view in views if view.model is model]
        self._rows = BatchedSequences(model, is_main=True)
        other_views = [view for view in views if view.model is not model and not view.model.config.is_encoder_decoder]
        others = {id(view.model): view.model for view in other_views}
        shared = [(other, [view for view in other_views if view.model is other]) for other in others.values()]
        self._shared = [SharedForward(other, own) for other, own in shared if len(own) > 1]

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
            for forward in self._shared:
                forward.start(input_ids, mask)
        else:
            logits = self._rows.extend(input_ids[:, -1:].repeat(copies, 1))
            for forward in self._shared:
                forward.extend(input_ids[:, -1:])
        main, *others = logits.split(rows)
        for view, other in zip(self._views, others, strict=True):
            view.offer(other)
        return CausalLMOutputWithPast(
            logits=main[:, None],  # pyright: ignore[reportArgumentType]
            past_key_values=self._rows,  # pyright: ignore[reportArgumentType]
        )

    def _reorder_cache(self, past_key_values: BatchedSequences, beam_idx: Tensor) -> BatchedSequences:
        past_key_values.reorder(of_all_views(beam_idx, 1 + len(self._views)))
        for forward in self._shared:
            forward.reorder(beam_idx)
        return past_key_values

    def clear(self) -> None:
        """Free the cache, and take back offers that nobody took."""
        self._rows.clear()
        for forward in self._shared:
            forward.clear()
        for view in (*self._views, *(view for forward in self._shared for view in forward.views)):
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
