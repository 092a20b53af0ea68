"""k candidates as k tokens of one forward over one cache."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, PreTrainedModel

from .candidates import Lookahead
from .hidden_history import HiddenHistory
from .hidden_states import Choose, HeadTap, output_head
from .packed_attention import AttentionSwitch
from .packed_cache import PackedCache
from .packed_mask import PackedMask


class PackedLookahead(Lookahead):
    """Feeds the candidates side by side, at the same position, each seeing the prefix and itself.

    One forward a token, one copy of the cache, and the output head runs for the winner only.
    """

    def __init__(self, model: PreTrainedModel, penalty_alpha: float, top_k: int, budget: int) -> None:
        super().__init__(model, penalty_alpha, top_k, budget)
        self.config = model.config.get_text_config(decoder=True)
        self.cache = PackedCache(self.config, top_k, budget)
        self._tap = HeadTap(output_head(model))
        self._attention = AttentionSwitch(model)
        self._hooks = ExitStack()

    def __enter__(self) -> Self:
        self._hooks.enter_context(self._tap.attached())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the hook off the head."""
        self._hooks.__exit__(kind, error, trace)

    def prefill(self, input_ids: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]) -> Tensor:
        """Reads the prompt and returns the next token's logits `[batch, vocab]`."""
        padding_mask, position_ids = model_kwargs.get("attention_mask"), model_kwargs["position_ids"]
        self.history = HiddenHistory(padding_mask, self.budget)
        model_kwargs = {**model_kwargs, "past_key_values": self.cache}
        if "logits_to_keep" in model_kwargs:
            model_kwargs["logits_to_keep"] = 0  # The head has to be offered all states; the tap lets one through.
        with self._tap.choosing(self._remember):
            outputs = self.model._prefill(input_ids, generation_config, model_kwargs)
        self._start(padding_mask, position_ids)
        return outputs.logits[:, -1]

    def _remember(self, hidden: Tensor) -> Tensor:
        self.history.extend(hidden)
        return hidden[:, -1:]

    def _start(self, padding_mask: Tensor | None, position_ids: Tensor) -> None:
        batch_size, device = self.history.states.shape[0], position_ids.device
        self._mask = PackedMask(
            padding_mask,
            batch_size=batch_size,
            prompt_length=self.history.length,
            width=self.top_k,
            repeats=self._attention.heads_per_group,
            budget=self.budget,
            dtype=self.model.dtype,
            device=device,
        )
        next_position = position_ids[..., -1:] + 1
        rows = (*next_position.shape[:-2], batch_size, self.top_k)
        self._positions = next_position.expand(rows).contiguous()
        # The mask of each kind of layer is as wide as what its cache shows.
        kinds = list(getattr(self.config, "layer_types", None) or ["all"])[: len(self.cache)]
        self._layer_of_kind = {kind: kinds.index(kind) for kind in kinds}

    def look(self, candidates: Tensor, choose: Choose) -> Tensor:
        """One forward over the candidates `[batch, k]`; `choose` says for which of their states logits are wanted."""
        self.cache.open()
        self._mask.move_to(self.history.length)
        masks = {kind: self._mask.view(self.cache.visible(layer)) for kind, layer in self._layer_of_kind.items()}
        # Beyond no_grad(), this spares the bookkeeping of some 1,500 small operations a token.
        with self._tap.choosing(choose), self._attention.on(), torch.inference_mode():
            outputs = self.model(
                input_ids=candidates.to(self._positions.device),
                attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
                position_ids=self._positions,
                past_key_values=self.cache,
                use_cache=True,
                return_dict=True,
            )
        self._positions += 1
        return outputs.logits[:, -1].clone()  # An ordinary tensor, which processors may write to.

    def advance(self, probabilities: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Looks ahead for the candidates, keeps the best one of each row and forgets the rest."""
        winners: list[Tensor] = []

        def choose(hidden: Tensor) -> Tensor:
            winner, chosen = self.rank(probabilities, hidden)
            winners.append(winner)
            return chosen

        logits = self.look(candidates, choose)
        winner = winners[0]
        self.cache.keep(winner)
        return winner, logits

    def past_key_values(self, given: object) -> DynamicCache:
        """All tokens but the last, in the caller's cache where that is a `DynamicCache`."""
        cache = given if isinstance(given, DynamicCache) and len(given) == len(self.cache) else None
        cache = DynamicCache(config=self.config) if cache is None else cache
        self.cache.fill(cache)
        return cache
