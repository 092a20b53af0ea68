"""Another model whose views run ahead of the main rows, so that what it expects is their draft.

It runs at every token anyway: a draft costs what is rejected of it, and saves forwards of the model that generates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .batched_model import SharedForward

LIKELY = (0.7,)
"""How often the amateur's choice is taken, before any was."""


class DraftingAmateur(SharedForward):
    """Runs the views of another model, and lets the first of them go on by its own choices.

    `_kept` holds the logits behind the newest token and behind each token of the draft that has been read; `_at` says
    which of them were handed out last.
    """

    _kept: list[Tensor]
    _at: int

    def prefill(self, input_ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Return the logits `[rows, vocab]` of each view behind the main prompts `[rows, length]` and their mask."""
        logits = super().prefill(input_ids, mask)
        self._sequences.record_past()
        self._kept, self._at = [], -1
        return list(logits)

    @property
    def room(self) -> int:
        """Return how many tokens more each row can get."""
        read_in_vain = len(self._kept) - self._at - 1
        return self._sequences.room + read_in_vain

    def share_of(self, model: torch.nn.Module) -> float:
        """Return what a forward costs in forwards of another model: as many parameters as it has of the other's."""
        own, other = (sum(p.numel() for p in each.parameters()) for each in (self.model, model))
        return own / other

    def draft(self, newest: Tensor, length: int, padding: Tensor) -> Tensor:
        """Return the tokens that the first view chooses one after the other.

        What was read in vain before is taken back. The last token of the draft is not read yet.

        Args:
            newest: `[rows]`, the main rows' newest tokens.
            length: Of the draft.
            padding: `[rows]`: the token that a row goes on with that has ended, -1 for the others.

        Returns:
            `[rows, length]`.
        """
        self._take_back()
        tokens = [newest]
        for _ in range(length):
            self._kept.append(self._read(tokens[-1][:, None])[:, 0])
            chosen = self._kept[-1][: len(newest)].argmax(-1).to(newest.device)
            tokens.append(padding.where(padding >= 0, chosen))
        return torch.stack(tokens, dim=1)[:, 1:]

    def follow(self, tokens: Tensor) -> None:
        """Read the newest tokens and a draft that came from elsewhere, `[rows, 1 + draft]`, in one forward."""
        self._take_back()
        self._kept = list(self._read(tokens).unbind(1))

    def step(self, tokens: Tensor) -> list[Tensor]:
        """Return the logits of each view behind the main rows' new tokens `[rows, 1]`, which are read if need be."""
        self._at += 1
        if self._at == len(self._kept):
            self._kept.append(self._read(tokens)[:, 0])
        return list(self._kept[self._at].chunk(len(self.views)))

    def clear(self) -> None:
        """Free the cache and what was read."""
        super().clear()
        self._kept = []

    def _read(self, tokens: Tensor) -> Tensor:
        return self._sequences.extend(tokens.to(self._sequences.model.device).repeat(len(self.views), 1))

    def _take_back(self) -> None:
        self._sequences.take_back(len(self._kept) - self._at - 1)
        self._kept, self._at = [], -1
