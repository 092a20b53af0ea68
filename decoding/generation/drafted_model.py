"""A batched model that reads several tokens in a forward, and answers for one of them at a time.

The decoding loop asks for the logits of one token after the other, as ever. What is likely to come next is copied from
the text itself, or chosen by an amateur, and read along (a *draft*; Saxena 2023, "Prompt Lookup Decoding"; Leviathan et
al. 2023, "Fast Inference from Transformers via Speculative Decoding"). If the loop then chooses what was drafted, the
next logits are there already; if not, what was read in vain is taken back. So logits processors, streamers, stopping
criteria and the random generator see exactly the calls that they see without drafts, and whatever is drafted, the
tokens are those that the loop chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ..views.probes import named_tokens, why_not_taken_back
from ..views.prompt_view import PromptView
from .batched_model import BatchedModel
from .draft_length import DraftLength
from .drafting_amateur import LIKELY, DraftingAmateur
from .suffix_automaton import SuffixAutomaton

SURE_MATCH = 4
"""From this length of a match on, copies are drafted before what an amateur would choose."""


@dataclass
class _Row:
    """A row of the main sequences and its draft."""

    text: SuffixAutomaton
    has_ended: bool = False
    draft: list[int] = field(default_factory=list)
    match: int | None = None
    """How long the match was that the draft follows; `None` for the padding of a row that had ended."""


class DraftedModel(BatchedModel):
    """Runs the main rows and those of several views, with the tokens that are likely to come next.

    All rows read drafts of the same length; a forward is due as soon as one of them goes on otherwise. Views of another
    model are read token by token, except those of an amateur that drafts.

    Args:
        model: The model that generates.
        views: The views, as for :class:`.BatchedModel`.
        generation_config: Of the call: its `max_length` bounds what is read, its end tokens end a row's draft.
        most_copied: The most tokens that are copied from the text, at least 1; `None` copies none.
        most_chosen: The most tokens that the amateur chooses, at least 1: the model of the first view that another
            model reads. `None` lets none draft.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        views: Sequence[PromptView],
        generation_config: GenerationConfig,
        *,
        most_copied: int | None = None,
        most_chosen: int | None = None,
    ) -> None:
        super().__init__(model, views)
        self._most_copied, self._most_chosen = most_copied or 0, most_chosen or 0
        self._amateur = self._with_drafting_amateur(views) if most_chosen else None
        self._max_length = generation_config.max_length
        ending, padding = _tokens(generation_config.eos_token_id), _tokens(generation_config.pad_token_id)
        self._ending = frozenset(ending)
        self._padding = [*padding, *ending, 0][0]
        self._reserved = named_tokens(model) | self._ending
        self._rows: list[_Row] = []
        self._read: Tensor | None = None  # [rows of all views, 1 + draft, vocab], of the latest forward
        self._position = 0  # of the token in it that the loop has asked for last

    def why_no_drafts(self, input_ids: Tensor, mask: Tensor | None) -> str | None:
        """Return why drafts would change what the rows read; `None` if they would not.

        Args:
            input_ids: The main prompts `[rows, length]`.
            mask: Which of their tokens are no padding.
        """
        mask = mask if mask is not None and mask.dim() == 2 else torch.ones_like(input_ids)
        if reason := self.why_not_together(input_ids, mask, self._max_length):
            return f"{type(self._model).__name__} computes a row otherwise beside another one ({reason})"
        forwards: list[tuple[PreTrainedModel, Sequence[PromptView], list[Tensor], bool]]
        forwards = [(self._model, self._views, [mask], False)]
        if self._amateur is not None:
            forwards += [(self._amateur.model, self._amateur.views, [], one_by_one) for one_by_one in (False, True)]
        new = max(self._max_length - input_ids.shape[1], 1) if self._max_length else 1
        for model, views, masks, one_by_one in forwards:
            read = [*masks, *(view.contrast_prompts(input_ids, mask).attention_mask for view in views)]
            lengths = [length + new for each in read for length in each.sum(-1).tolist()]
            if reason := why_not_taken_back(model, lengths, one_by_one=one_by_one):
                kind = type(model).__name__
                how = "in forwards of their own" if one_by_one else "in a forward"
                return f"{kind} cannot read several tokens {how} and take some back ({reason})"
        return None

    def __call__(
        self, input_ids: Tensor, prefill: dict[str, Any] | None, return_dict: bool = True
    ) -> CausalLMOutputWithPast:
        """Return the main rows' logits `[rows, 1, vocab]` and keep those of the views."""
        output = super().__call__(input_ids, prefill, return_dict)
        if prefill is not None:
            self._begin(input_ids, prefill.get("attention_mask"))
        return output

    def clear(self) -> None:
        """Free the cache and what was read."""
        super().clear()
        self._read, self._rows = None, []

    def _with_drafting_amateur(self, views: Sequence[PromptView]) -> DraftingAmateur | None:
        """Return the amateur, which from now on runs its views; `None` if no other model reads a view."""
        found = next((view.model for view in views if is_amateur(view, self._model)), None)
        if found is None:
            return None
        amateur = DraftingAmateur(found, [view for view in views if view.model is found])
        self._shared = [amateur, *(forward for forward in self._shared if forward.model is not found)]
        return amateur

    def _begin(self, input_ids: Tensor, mask: Tensor | None) -> None:
        kept = torch.ones_like(input_ids) if mask is None else mask
        prompts = zip(input_ids.tolist(), kept.tolist(), strict=True)
        self._rows = [
            _Row(SuffixAutomaton(token for token, is_token in zip(*row, strict=True) if is_token)) for row in prompts
        ]
        size = len(input_ids) * (1 + len(self._views)), input_ids.device.type
        self._copies = self._lengths = DraftLength(*size)
        if self._amateur is not None:
            share = self._amateur.share_of(self._model)
            self._choices = DraftLength(*size, drafter_cost=share, prior=LIKELY)
        self._sequences.record_past()

    def _step(self, input_ids: Tensor) -> Tensor:
        newest = input_ids[:, -1].tolist()
        for row, token in zip(self._rows, newest, strict=True):
            row.text.append(token)
            row.has_ended = token in self._ending or token == self._padding
        if self._read is not None:
            if self._goes_on_as_drafted(newest):
                self._position += 1
                return self._read[:, self._position]
            self._sequences.take_back(self._read.shape[1] - 1 - self._position)
        self._draft(input_ids)
        read = input_ids.new_tensor([[token, *row.draft] for row, token in zip(self._rows, newest, strict=True)])
        self._read, self._position = self._sequences.extend(read.repeat(1 + len(self._views), 1)), 0
        return self._read[:, 0]

    def _goes_on_as_drafted(self, newest: Sequence[int]) -> bool:
        """Return whether all rows have chosen what was drafted for them next, and learn from it."""
        at = self._position
        if at == len(self._rows[0].draft):
            return False
        hits = [row.draft[at] == token for row, token in zip(self._rows, newest, strict=True)]
        for row, hit in zip(self._rows, hits, strict=True):
            if row.match is not None:
                self._lengths.learn(row.match + at, hit=hit)
        return all(hits)

    def _draft(self, input_ids: Tensor) -> None:
        """Draft what may follow the main ids `[rows, length]`."""
        # Behind the last token nothing is asked for.
        room = self._sequences.room - 1
        if self._max_length is not None:
            room = min(room, self._max_length - input_ids.shape[1] - 1)
        self._copy(max(0, min(room, self._most_copied)))
        amateur = self._amateur
        if amateur is None:
            return
        room = min(room, amateur.room - 1)
        surest = min((row.match for row in self._rows if row.match is not None), default=0)
        if surest >= SURE_MATCH and 0 < len(self._rows[0].draft) <= room:
            newest = input_ids[:, -1:]
            amateur.follow(torch.cat([newest, newest.new_tensor([row.draft for row in self._rows])], dim=-1))
            return
        self._lengths = self._choices
        for row in self._rows:
            row.match = None if row.has_ended else 0
        live = [row.match for row in self._rows if row.match is not None]
        length = self._lengths.best(live, max(0, min(room, self._most_chosen)))
        padding = input_ids.new_tensor([self._padding if row.has_ended else -1 for row in self._rows])
        for row, draft in zip(self._rows, amateur.draft(input_ids[:, -1], length, padding).tolist(), strict=True):
            row.draft = draft

    def _copy(self, most: int) -> None:
        """Draft what has followed the end of each row's text before."""
        self._lengths = self._copies
        for row in self._rows:
            row.match = None if row.has_ended else row.text.match_length
            row.draft = [self._padding] * most if row.has_ended else self._usable(row.text.following(most))
        shortest = min(len(row.draft) for row in self._rows)
        length = self._lengths.best([row.match for row in self._rows if row.match is not None], shortest)
        for row in self._rows:
            row.draft = row.draft[:length]

    def _usable(self, draft: list[int]) -> list[int]:
        """Return what stands before the first token that ends a text or stands for an image or the like."""
        return draft[: next((at for at, token in enumerate(draft) if token in self._reserved), None)]


def is_amateur(view: PromptView, model: PreTrainedModel) -> bool:
    """Return whether another model than `model` reads a view, which can go on by its own choices."""
    return view.model is not model and not view.model.config.is_encoder_decoder


def _tokens(given: int | list[int] | None) -> list[int]:
    return given if isinstance(given, list) else [] if given is None else [given]
