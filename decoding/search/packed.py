"""The k candidates as k tokens of one forward over one cache."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, PreTrainedModel

from ..methods.contrastive_search import ContrastiveSearch
from ..views.forward_recorder import CACHE_NAME
from .candidates import Candidates
from .hidden_states import HiddenStateBuffer, LMHeadHook, Select, output_head
from .packed_attention import PackedAttention, PackedMask
from .packed_cache import PackedCache


class PackedCandidates(Candidates):
    """Feeds the candidates side by side at the same position; each attends to the prefix and itself.

    A token costs one forward and one copy inside the cache, and the output head runs for the selected candidate only.
    """

    def __init__(self, model: PreTrainedModel, method: ContrastiveSearch, budget: int) -> None:
        super().__init__(model, method, budget)
        self.config = model.config.get_text_config(decoder=True)
        self.cache = PackedCache(self.config, method.top_k, budget)
        self._head_hook = LMHeadHook(output_head(model))
        self._attention = PackedAttention(model)
        self._contexts = ExitStack()

    def __enter__(self) -> Self:
        self._contexts.enter_context(self._head_hook.attached())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the hook from the head."""
        self._contexts.__exit__(kind, error, trace)

    def prefill(self, input_ids: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]) -> Tensor:
        """Read the prompts and return the next token's logits `[batch, vocab]`."""
        padding_mask, position_ids = model_kwargs.get("attention_mask"), model_kwargs["position_ids"]
        self.history = HiddenStateBuffer(padding_mask, self.budget)
        model_kwargs = {**model_kwargs, CACHE_NAME: self.cache}
        if "logits_to_keep" in model_kwargs:
            model_kwargs["logits_to_keep"] = 0  # the hook needs the states of all tokens and keeps one for the head
        with self._head_hook.selecting(self._remember):
            outputs = self.model._prefill(input_ids, generation_config, model_kwargs)
        if self.cache.get_seq_length() != self.history.length:
            outputs = self._prefill_on_cache(input_ids, padding_mask, model_kwargs)
        self._start(padding_mask, position_ids)
        return outputs.logits[:, -1]

    def _prefill_on_cache(self, input_ids: Tensor, padding_mask: Tensor | None, model_kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Read the prompts on our cache where a model drops an empty one, as the Phi-3 family does of long prompts."""
        self.history = HiddenStateBuffer(padding_mask, self.budget)
        self.cache = PackedCache(self.config, self.top_k, self.budget)
        inputs = self.model.prepare_inputs_for_generation(input_ids, is_first_iteration=True, **model_kwargs)
        with self._head_hook.selecting(self._remember):
            outputs = self.model(**{**inputs, CACHE_NAME: self.cache}, return_dict=True)
        if self.cache.get_seq_length() != self.history.length:
            kind = type(self.model).__name__
            raise ValueError(
                f"`model` has to use the cache that it is given for contrastive search, but {kind} does not"
            )
        return outputs

    def _remember(self, hidden: Tensor) -> Tensor:
        self.history.append(hidden)
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
        # Layers of different kinds need masks of different widths: as wide as what their caches return.
        kinds = list(getattr(self.config, "layer_types", None) or ["all"])[: len(self.cache)]
        self._layer_of_kind = {kind: kinds.index(kind) for kind in kinds}

    def forward(self, candidates: Tensor, select: Select) -> Tensor:
        """Run the candidates `[batch, k]`.

        Args:
            candidates: `[batch, k]` token ids.
            select: Selects the hidden states that need logits.

        Returns:
            `[batch, vocab]` logits of the last selected state of each row.
        """
        self.cache.begin_step()
        self._mask.move_to(self.history.length)
        masks = {kind: self._mask.view(self.cache.visible(layer)) for kind, layer in self._layer_of_kind.items()}
        # Beyond no_grad(), inference mode saves the bookkeeping of some 1,500 small operations a token.
        with self._head_hook.selecting(select), self._attention.enabled(), torch.inference_mode():
            outputs = self.model(
                input_ids=candidates.to(self._positions.device),
                attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
                position_ids=self._positions,
                use_cache=True,
                return_dict=True,
                **{CACHE_NAME: self.cache},
            )
        self._positions += 1
        return outputs.logits[:, -1].clone()  # an ordinary tensor, which processors may write to

    def advance(self, probabilities: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Run the candidates, keep the best one of each row and discard the others."""
        selected: list[Tensor] = []

        def select(hidden: Tensor) -> Tensor:
            index, state = self.select(probabilities, hidden)
            selected.append(index)
            return state

        logits = self.forward(candidates, select)
        self.cache.end_step(selected[0])
        return selected[0], logits

    def filled_cache(self, given: object) -> DynamicCache:
        """Return all tokens but the last, in the caller's cache if that is a `DynamicCache`."""
        cache = given if isinstance(given, DynamicCache) and len(given) == len(self.cache) else None
        cache = DynamicCache(config=self.config) if cache is None else cache
        self.cache.fill(cache)
        return cache
