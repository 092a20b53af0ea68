"""Rows of one model on one cache: prompts, and what is appended to them.

Everything that depends on the architecture (position ids, inputs that belong to the prefill only, the kind of cache) is
left to the methods that `generate()` itself calls, so that every model that generates can be continued here.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel
from transformers.generation.configuration_utils import GenerationMode
from transformers.generation.utils import ALL_CACHE_NAMES
from transformers.utils.generic import ModelOutput

from ..prompts.multimodal import position_ids
from ..prompts.prompt import Prompt, number_of_tokens, position_limit
from .forward_recorder import ignored_by_hooks
from .rope_state import RopeState

_GROWING = ("attention_mask", "position_ids", "token_type_ids", "mm_token_type_ids")
"""Inputs whose last dimension grows by one with each token."""


class CachedSequences:
    """A batch of sequences that grows by one token a step.

    After :meth:`prefill`, :meth:`step` and :meth:`reorder`, ids, masks, positions and cache agree.

    Args:
        model: A transformers model that can generate.
        has_main: Whether the main sequences are among the rows, so that hooks must see the forwards.

    Attributes:
        ids: `[rows, length]` ids so far: prompt and continuation, or for an encoder-decoder model the continuation
            alone. `None` before the prefill.
    """

    def __init__(self, model: PreTrainedModel, *, has_main: bool = False) -> None:
        self.model: Any = model  # with the methods of GenerationMixin, which PreTrainedModel does not declare
        self.has_main = has_main
        self.ids: Tensor | None = None
        self._state: dict[str, Any] = {}
        self._tokens = number_of_tokens(model)
        self._longest = None if model.config.is_encoder_decoder else position_limit(model)
        self._rope = None if has_main else RopeState(model)

    @property
    def rows(self) -> int:
        """Return the number of sequences."""
        return 0 if self.ids is None else self.ids.shape[0]

    @property
    def cache(self) -> Any:  # noqa: ANN401  (each architecture may have its own)
        """Return the cache; `None` before the prefill, and if the model hands out none."""
        name = self._cache_name()
        return None if name is None else self._state[name]

    @torch.no_grad()
    def prefill(self, prompt: Prompt, continuation: Tensor) -> Tensor:
        """Read the prompts and what follows them.

        Args:
            prompt: One row for each row of `continuation`.
            continuation: `[rows, n]` ids behind the prompt; n is 0 at the beginning. For an encoder-decoder model it is
                the decoder's whole input, which has at least the start token.

        Returns:
            `[rows, vocab]` logits of the next token, in the model's dtype.
        """
        if self.model.config.is_encoder_decoder:
            self.ids = continuation
            encoder = self.model.get_encoder()
            outputs = encoder(
                input_ids=prompt.input_ids, attention_mask=prompt.attention_mask, return_dict=True, **prompt.extras
            )
            self._state = {"encoder_outputs": outputs, "attention_mask": prompt.attention_mask, "use_cache": True}
            add_cache(self.model, self._state, self.rows)
        elif prompt.extras and continuation.shape[1]:
            # How images and token types affect the positions behind them, only the model's own steps know.
            logits = self.prefill(prompt, continuation[:, :0])
            for column in continuation.split(1, dim=-1):
                logits = self.step(column)
            return logits
        else:
            padding = prompt.attention_mask == 0
            ids = prompt.input_ids.where(~padding, self._known(prompt.input_ids))
            self.ids = torch.cat([ids, self._known(continuation)], dim=-1)
            grown = prompt.attention_mask.new_ones(continuation.shape)
            mask = torch.cat([prompt.attention_mask, grown], dim=-1)
            self._state = prefill_inputs(self.model, self.ids, mask, prompt.extras)
        return self._forward(is_first_iteration=True)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Append one token to each row, `[rows, 1]`, and return the logits `[rows, vocab]` of the next.

        Raises:
            ValueError: The rows outgrow the positions that the model has learned.
        """
        assert self.ids is not None
        self._check_room()
        self.ids = torch.cat([self.ids, self._known(tokens)], dim=-1)
        return self._forward(next_sequence_length=None if self._cache_name() is None else 1)

    @property
    def room(self) -> int:
        """Return how many tokens more each row can get."""
        return sys.maxsize if self._longest is None or self.ids is None else self._longest - self.ids.shape[1]

    def record_past(self) -> None:
        """Let the cache keep what :meth:`take_back` needs: windows forget what has left them."""
        if hasattr(self.cache, "activate_past_recording"):
            self.cache.activate_past_recording()

    @torch.no_grad()
    def extend(self, tokens: Tensor) -> Tensor:
        """Append tokens to each row of a decoder-only model and return the logits behind each of them.

        Hooks do not see this forward: it may read what is taken back. After :meth:`record_past` each call has to be
        followed by :meth:`take_back`, be it of no token, before the next.

        Args:
            tokens: `[rows, n]`, n at least 1.

        Returns:
            `[rows, n, vocab]`, in the model's dtype.
        """
        assert self.ids is not None
        self._check_room()
        new = tokens.shape[1]
        self.ids = torch.cat([self.ids, self._known(tokens)], dim=-1)
        if new > 1:  # what is prepared already is for one token
            self._state = self.model._update_model_kwargs_for_generation(
                ModelOutput(), self._state, num_new_tokens=new - 1
            )
        if "logits_to_keep" in self._state:
            self._state["logits_to_keep"] = new
        with ignored_by_hooks():
            return self._run(next_sequence_length=new)[:, -new:]

    def take_back(self, count: int) -> None:
        """Remove the last `count` tokens of each row, also from the cache; 0 lets windows forget what has left them.

        The rows are then as if those tokens had never been read, if :func:`.probes.why_not_taken_back` says so.
        """
        assert self.ids is not None
        self.cache.crop(-count)
        if count:
            self.ids = self.ids[:, :-count]
            for name in _GROWING:
                if self._state.get(name) is not None:
                    self._state[name] = self._state[name][..., :-count]

    @torch.no_grad()
    def reorder(self, index: Tensor) -> None:
        """Make row i what row `index[i]` was; `index` may repeat, drop and multiply rows."""
        assert self.ids is not None
        rows = self.ids.shape[0]
        self.ids = self.ids[index]
        for key, value in self._state.items():
            if key in ALL_CACHE_NAMES:
                if hasattr(self.model, "_reorder_cache"):
                    self._state[key] = self.model._reorder_cache(value, index)
                else:
                    value.reorder_cache(index)
            elif key == "encoder_outputs":
                value.last_hidden_state = value.last_hidden_state[index]
            elif isinstance(value, Tensor) and key == "position_ids":
                # [rows, n], or [axes, rows, n] for positions with several axes; one row may stand for all.
                self._state[key] = value if value.shape[-2] == 1 else value.index_select(-2, index)
            elif isinstance(value, Tensor) and value.dim() > 0 and value.shape[0] == rows:
                self._state[key] = value[index]

    def clear(self) -> None:
        """Drop cache and inputs."""
        self.ids = None
        self._state = {}

    def _check_room(self) -> None:
        assert self.ids is not None
        if self.room < 1:
            raise ValueError(
                f"a contrast has to fit the {self._longest} positions of {type(self.model).__name__} with all its "
                f"new tokens, but is {self.ids.shape[1] + 1} tokens long: generate fewer, or shorten it"
            )

    def _forward(self, **stage: bool | int | None) -> Tensor:
        return self._run(**stage)[:, -1]

    def _run(self, **stage: bool | int | None) -> Tensor:
        inputs = self.model.prepare_inputs_for_generation(self.ids, **stage, **self._state)
        if self._rope is None:
            outputs = self.model(**inputs, return_dict=True)
        else:
            with ignored_by_hooks(), self._rope.in_use():
                outputs = self.model(**inputs, return_dict=True)
        self._state = self.model._update_model_kwargs_for_generation(
            outputs, self._state, is_encoder_decoder=self.model.config.is_encoder_decoder
        )
        return outputs.logits

    def _known(self, tokens: Tensor) -> Tensor:
        # Padding, also that of a row that has ended, is the token of another model, which this one may not have.
        return tokens if self._tokens is None else tokens.where(tokens < self._tokens, 0)

    def _cache_name(self) -> str | None:
        return next((name for name in ALL_CACHE_NAMES if self._state.get(name) is not None), None)


def prefill_inputs(
    model: Any,  # noqa: ANN401  (as in CachedSequences)
    ids: Tensor,
    mask: Tensor,
    extras: dict[str, Any],
) -> dict[str, Any]:
    """Return what `generate()` passes to a decoder-only model's prefill besides the ids, with an empty cache.

    Args:
        model: The model.
        ids: `[rows, length]`.
        mask: `[rows, length]`, 0 at padding.
        extras: Whatever else the model reads.
    """
    accepted = inspect.signature(model.forward).parameters
    state = {"use_cache": True, **extras, "attention_mask": mask}
    if "position_ids" in accepted:
        given = extras.get("position_ids")
        state["position_ids"] = position_ids(model, ids, state) if given is None else given
        # Without a mask attention takes its fast path, and the positions have been made from it by now.
        state["attention_mask"] = None if bool(mask.all()) else mask
    if "logits_to_keep" in accepted:
        state["logits_to_keep"] = 1
    add_cache(model, state, len(ids))
    return state


def add_cache(model: Any, state: dict[str, Any], rows: int) -> None:  # noqa: ANN401
    """Give `state` an empty cache, unless the model makes a cache of its own kind in its first forward."""
    model._prepare_cache_for_generation(GenerationConfig(use_cache=True), state, GenerationMode.GREEDY_SEARCH, rows, 0)
