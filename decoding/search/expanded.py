"""The k candidates as k copies of the batch, for models that cannot take them side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, StaticCache

from ..views.forward_recorder import CACHE_NAME, CACHE_NAMES, is_empty
from ..views.probes import why_not_copied
from .candidates import Candidates
from .hidden_states import HiddenStateBuffer


class ExpandedCandidates(Candidates):
    """Copies the cache k times per step and keeps one copy, as the published implementations do.

    It asks nothing of the attention, so that models with a bias on key positions or with a recurrent state work too.
    The cache is copied with `reorder_cache`, which every cache that supports beam search has.
    """

    def prefill(self, input_ids: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]) -> Tensor:
        """Read the prompts in one piece and return the next token's logits `[batch, vocab]`."""
        del generation_config
        if reason := why_not_copied(self.model):
            raise ValueError(
                "`model` has to keep a cache whose rows can be copied for contrastive search, but is a "
                f"{type(self.model).__name__} ({reason})"
            )
        if isinstance(model_kwargs.get(CACHE_NAME), StaticCache):  # cannot change its batch size
            config = self.model.config.get_text_config(decoder=True)
            model_kwargs = {**model_kwargs, CACHE_NAME: DynamicCache(config=config)}
        self.history = HiddenStateBuffer(model_kwargs.get("attention_mask"), self.budget)
        inputs = self.model.prepare_inputs_for_generation(
            input_ids, is_first_iteration=True, output_hidden_states=True, **model_kwargs
        )
        outputs = self.model(**inputs, return_dict=True)
        self.history.append(_last_hidden_state(outputs))
        self._model_kwargs = self.model._update_model_kwargs_for_generation(outputs, dict(model_kwargs))
        if is_empty(self._cache):  # the first GPT reads the whole text at every step
            raise ValueError(
                "`model` has to keep a cache for contrastive search, but is a "
                f"{type(self.model).__name__}, which leaves the one that it is given empty"
            )
        return outputs.logits[:, -1]

    @property
    def _cache(self) -> Any:  # noqa: ANN401
        cache = next((self._model_kwargs[name] for name in CACHE_NAMES if name in self._model_kwargs), None)
        if not hasattr(cache, "reorder_cache"):
            raise ValueError(
                "`model` has to keep a cache whose rows can be copied for contrastive search, but is a "
                f"{type(self.model).__name__} with {type(cache).__name__}"
            )
        return cache

    def advance(self, probabilities: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Run the candidates, keep the best one of each row and discard the others."""
        batch_size, top_k = candidates.shape
        rows = torch.arange(batch_size, device=candidates.device)
        self._cache.reorder_cache(rows.repeat_interleave(top_k))
        outputs = self.model(**self._inputs(candidates), return_dict=True)
        hidden = _last_hidden_state(outputs)[:, -1].unflatten(0, (batch_size, top_k))
        selected, _ = self.select(probabilities, hidden)
        kept = rows * top_k + selected.to(rows.device)
        self._cache.reorder_cache(kept)
        self._model_kwargs = self.model._update_model_kwargs_for_generation(outputs, self._model_kwargs)
        return selected, outputs.logits[kept.to(outputs.logits.device), -1]

    def _inputs(self, candidates: Tensor) -> dict[str, Any]:
        model_kwargs = dict(self._model_kwargs)
        for name, value in model_kwargs.items():
            if isinstance(value, Tensor):
                # Positions with several axes have the batch in their second dimension.
                batch_dimension = 1 if name == "position_ids" and value.ndim == 3 else 0
                model_kwargs[name] = value.repeat_interleave(candidates.shape[1], dim=batch_dimension)
        return self.model.prepare_inputs_for_generation(
            candidates.reshape(-1, 1), next_sequence_length=1, output_hidden_states=True, **model_kwargs
        )

    def filled_cache(self, given: object) -> Any:  # noqa: ANN401
        """Return the model's own cache; a cache that cannot drop its last token keeps it."""
        del given
        if getattr(self._cache, "is_croppable", False) and not any(self._cache.is_sliding):
            self._cache.crop(-1)
        return self._cache


def _last_hidden_state(outputs: Any) -> Tensor:  # noqa: ANN401
    return outputs.hidden_states[-1]
