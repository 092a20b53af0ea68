"""k candidates as k copies of the batch: for models that cannot take them side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, StaticCache

from .candidates import Lookahead
from .hidden_history import HiddenHistory

_CACHE_NAMES = ("past_key_values", "cache_params")


class KFoldLookahead(Lookahead):
    """The classic way of contrastive search: the cache is copied k times a step and one copy is kept.

    It asks nothing of the attention, so models with a bias on key positions or with a recurrent state work too.
    The copies are made by reordering, which all caches know that can do beam search.
    """

    def prefill(self, input_ids: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]) -> Tensor:
        """Reads the prompt, in one piece, and returns the next token's logits `[batch, vocab]`."""
        del generation_config
        if isinstance(model_kwargs.get("past_key_values"), StaticCache):  # Has no room for other batch sizes.
            config = self.model.config.get_text_config(decoder=True)
            model_kwargs = {**model_kwargs, "past_key_values": DynamicCache(config=config)}
        self.history = HiddenHistory(model_kwargs.get("attention_mask"), self.budget)
        inputs = self.model.prepare_inputs_for_generation(
            input_ids, is_first_iteration=True, output_hidden_states=True, **model_kwargs
        )
        outputs = self.model(**inputs, return_dict=True)
        self.history.extend(_last_hidden_state(outputs))
        self._model_kwargs = self.model._update_model_kwargs_for_generation(outputs, dict(model_kwargs))
        return outputs.logits[:, -1]

    @property
    def _cache(self) -> Any:  # noqa: ANN401
        cache = next((self._model_kwargs.get(name) for name in _CACHE_NAMES if name in self._model_kwargs), None)
        if not hasattr(cache, "reorder_cache"):
            raise ValueError(
                "`model` has to keep a cache whose rows can be copied for contrastive search, but is a "
                f"{type(self.model).__name__} with {type(cache).__name__}"
            )
        return cache

    def advance(self, probabilities: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Looks ahead for the candidates, keeps the best one of each row and forgets the rest."""
        batch_size, top_k = candidates.shape
        rows = torch.arange(batch_size, device=candidates.device)
        self._cache.reorder_cache(rows.repeat_interleave(top_k))
        outputs = self.model(**self._inputs(candidates), return_dict=True)
        hidden = _last_hidden_state(outputs)[:, -1].unflatten(0, (batch_size, top_k))
        winner, _ = self.rank(probabilities, hidden)
        kept = rows * top_k + winner.to(rows.device)
        self._cache.reorder_cache(kept)
        self._model_kwargs = self.model._update_model_kwargs_for_generation(outputs, self._model_kwargs)
        return winner, outputs.logits[kept.to(outputs.logits.device), -1]

    def _inputs(self, candidates: Tensor) -> dict[str, Any]:
        model_kwargs = dict(self._model_kwargs)
        for name, value in model_kwargs.items():
            if isinstance(value, Tensor):
                # Positions of several axes carry the batch in their second dimension.
                batch_dimension = 1 if name == "position_ids" and value.ndim == 3 else 0
                model_kwargs[name] = value.repeat_interleave(candidates.shape[1], dim=batch_dimension)
        return self.model.prepare_inputs_for_generation(
            candidates.reshape(-1, 1), next_sequence_length=1, output_hidden_states=True, **model_kwargs
        )

    def past_key_values(self, given: object) -> Any:  # noqa: ANN401
        """The model's own cache. Caches that cannot drop their last token keep it."""
        del given
        if getattr(self._cache, "is_croppable", False) and not any(self._cache.is_sliding):
            self._cache.crop(-1)
        return self._cache


def _last_hidden_state(outputs: Any) -> Tensor:  # noqa: ANN401
    return outputs.hidden_states[-1]
