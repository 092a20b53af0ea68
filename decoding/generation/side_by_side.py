"""Prompts that are read apart, each without the padding of another, and continued together.

prompts:    [ main ................ ]  [ view ]            one forward for those of one length
caches:     [ main ................ | 0 .. n-1 ]
            [ padding ...... [ view ] | 0 .. n-1 ]         side by side, then one forward for each token
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from ..prompts.collate import collate
from ..prompts.prompt import Prompt
from ..views.cached_sequences import CachedSequences, prefill_inputs
from ..views.forward_recorder import CACHE_NAME
from ..views.probes import why_beginnings_differ, why_equal_rows_differ, why_rows_differ
from ..views.unwrap_model import is_compiled
from .cache_rows import CachedRows, begun_with, put_side_by_side
from .growing_layer import let_grow
from .prefill_plan import (
    LEAST_SAVING,
    Groups,
    SharedPrefix,
    forward_in_tokens,
    groupings,
    is_padded,
    shared_prefix,
)
from .unpadded_attention import UnpaddedAttention


class SideBySide(CachedSequences):
    """Rows of several prompts of one model, in their order.

    Args:
        model: A decoder-only model.
        has_main: Whether the first prompt is that of the main sequences, so that hooks must see its forwards.

    Attributes:
        groups: Which prompts are read in one forward; `None` if all are.
    """

    def __init__(self, model: PreTrainedModel, *, has_main: bool = False) -> None:
        super().__init__(model, has_main=has_main)
        self.groups: Groups | None = None
        self._attention = UnpaddedAttention(model)

    def why_not_together(self, masks: Sequence[Tensor], new_tokens: int) -> str | None:
        """Decide which prompts are read in one forward; return why their rows cannot share those of the next tokens.

        Args:
            masks: The attention mask `[rows, length]` of each prompt.
            new_tokens: How many tokens will be generated.

        Returns:
            Why one forward for all rows would give other logits than one for each prompt; `None` if it would not.
        """
        lengths = [length + new_tokens for mask in masks for length in mask.sum(-1).tolist()]
        widths, rows = [mask.shape[1] for mask in masks], max(map(len, masks))
        self.groups = None
        if len(lengths) == 1:
            return None
        if len(set(lengths)) == len(set(widths)) == 1:
            return why_equal_rows_differ(self.model)  # without padding few models let a row know of another
        for groups in groupings(widths, rows, forward_in_tokens(masks[0].device.type)):
            reason = why_rows_differ(self.model, lengths, _read_apart) if len(groups) > 1 else None
            if reason is None and (len(groups) == 1 or is_padded(groups, widths)):
                reason = why_rows_differ(self.model, lengths)
            if reason is None:
                self.groups = groups
                return None
        return why_rows_differ(self.model, lengths)

    @torch.no_grad()
    def prefill_prompts(self, prompts: Sequence[Prompt]) -> Tensor:
        """Read the prompts and return the logits `[rows, vocab]` of the next token, prompt by prompt."""
        whole = collate(prompts)
        groups = self.groups or (tuple(range(len(prompts))),)
        prefix = self._shared_prefix(prompts, groups)
        if len(groups) == 1 and prefix is None:
            logits = self.prefill(whole, whole.input_ids[:, :0])
        else:
            logits = self._read(prompts, groups, prefix, whole)
        if not is_compiled(self.model):
            let_grow(self.cache)
        return logits

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Append one token to each row, `[rows, 1]`, and return the logits `[rows, vocab]` of the next."""
        with self._attention.enabled():
            return super().step(tokens)

    @torch.no_grad()
    def extend(self, tokens: Tensor) -> Tensor:
        """Append tokens `[rows, n]` to each row and return the logits `[rows, n, vocab]` behind each of them."""
        with self._attention.enabled():
            return super().extend(tokens)

    def _read(self, prompts: Sequence[Prompt], groups: Groups, prefix: SharedPrefix | None, whole: Prompt) -> Tensor:
        beginnings = None if prefix is None else self._read_beginnings(prompts, prefix)
        parts: dict[int, CachedRows] = {}
        logits: dict[int, Tensor] = {}
        for group in groups:
            sequences = SideBySide(self.model, has_main=self.has_main and group[0] == 0)
            prompt = collate([prompts[number] for number in group])
            if prefix is None or beginnings is None:
                found = sequences.prefill(prompt, prompt.input_ids[:, :0])
            else:
                source = [beginnings[1][row] for row in _rows_of(prompts, group)]
                found = sequences._go_on(prompt, beginnings[0], source, prefix.length)
            start = 0
            for number in group:
                rows = slice(start, start := start + prompts[number].rows)
                parts[number] = CachedRows(sequences.cache, rows, prompt.input_ids.shape[1])
                logits[number] = found[rows]
        self._adopt(whole, put_side_by_side([parts[number] for number in range(len(prompts))]))
        return torch.cat([logits[number] for number in range(len(prompts))])

    def _adopt(self, whole: Prompt, cache: Any) -> None:  # noqa: ANN401  (each architecture may have its own)
        """Hold the state that reading the padded prompts in one forward would have left, on a cache that is there."""
        self.ids = whole.input_ids.where(whole.attention_mask != 0, 0)
        self._state = prefill_inputs(self.model, self.ids, whole.attention_mask, whole.extras)
        self._state[self._cache_name() or CACHE_NAME] = cache
        self._state = self.model._update_model_kwargs_for_generation(ModelOutput(), self._state)

    def _shared_prefix(self, prompts: Sequence[Prompt], groups: Groups) -> SharedPrefix | None:
        if any(prompt.extras for prompt in prompts):
            return None  # equal ids may stand for other images, types or positions
        least = LEAST_SAVING * forward_in_tokens(prompts[0].input_ids.device.type)
        if sum(prompt.input_ids.numel() for prompt in prompts) < least:
            return None
        rows = [ids[mask != 0].tolist() for prompt in prompts for ids, mask in _rows(prompt)]
        padding = [0] * len(rows)
        for group in groups:
            numbers = _rows_of(prompts, group)
            longest = max(len(rows[number]) for number in numbers)
            for number in numbers:
                padding[number] = longest - len(rows[number])
        prefix = shared_prefix(rows, padding, least)
        return None if prefix is None or why_beginnings_differ(self.model, _read_begun) else prefix

    def _read_beginnings(self, prompts: Sequence[Prompt], prefix: SharedPrefix) -> tuple[Any, list[int]]:
        """Return the cache of the beginnings, and for each row which row of it is its own."""
        rows = [ids[mask != 0][: prefix.length] for prompt in prompts for ids, mask in _rows(prompt)]
        read = sorted(set(prefix.source))
        ids = torch.stack([rows[row] for row in read])
        sequences = CachedSequences(self.model)
        sequences.prefill(Prompt(ids, torch.ones_like(ids), {}), ids[:, :0])
        return sequences.cache, [read.index(row) for row in prefix.source]

    def _go_on(self, prompt: Prompt, beginnings: Any, source: Sequence[int], length: int) -> Tensor:  # noqa: ANN401
        """Read what of the prompts is behind their beginnings; return the logits `[rows, vocab]` of the next token."""
        mask = prompt.attention_mask
        padding = [int(own) for own in mask.shape[1] - mask.sum(-1)]
        columns = length + min(padding)
        index = torch.tensor(source, device=mask.device)
        self.ids = prompt.input_ids.where(mask != 0, 0)
        self._state = prefill_inputs(self.model, self.ids, mask, {})
        self._state[self._cache_name() or CACHE_NAME] = begun_with(beginnings, index, padding, columns)
        return self._forward(next_sequence_length=mask.shape[1] - columns)


def _read_apart(model: PreTrainedModel, prompts: Sequence[Prompt]) -> tuple[CachedSequences, Tensor]:
    sequences = SideBySide(model)
    groups = tuple((number,) for number in range(len(prompts)))
    return sequences, sequences._read(prompts, groups, None, collate(prompts))


def _read_begun(model: PreTrainedModel, prompts: Sequence[Prompt], length: int) -> tuple[CachedSequences, Tensor]:
    sequences = SideBySide(model)
    # Two of them in one forward, so that one is padded.
    groups = (tuple(range(len(prompts) - 1)), (len(prompts) - 1,))
    prefix = SharedPrefix(length, (0,) * len(prompts))
    return sequences, sequences._read(prompts, groups, prefix, collate(prompts))


def _rows(prompt: Prompt) -> list[tuple[Tensor, Tensor]]:
    return list(zip(prompt.input_ids, prompt.attention_mask, strict=True))


def _rows_of(prompts: Sequence[Prompt], group: Sequence[int]) -> list[int]:
    """Return the numbers of the rows of some prompts, among those of all."""
    starts = [sum(prompt.rows for prompt in prompts[:number]) for number in range(len(prompts))]
    return [starts[number] + row for number in group for row in range(prompts[number].rows)]
