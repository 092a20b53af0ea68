"""The small cross-encoder: a sentence encoder that reads premise and hypothesis together, and a three-way head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .encoding import MATCH_STATES, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CLASSES = ("entailment", "neutral", "contradiction")


class PairNetwork(nn.Module):
    """Logits of entailment, neutral and contradiction for rows of `[CLS] premise [SEP] hypothesis [SEP]`.

    The head reads the first state, the means of both segments, their absolute difference, their product, and the
    maximum over the hypothesis, so that one word that the premise does not support can decide.

    Args:
        encoder: A BERT-like encoder of width `d` (its embeddings are looked up here, so that the match embedding can
            be added before the first layer).
        hidden: Width of the head's one hidden layer.
    """

    def __init__(self, encoder: PreTrainedModel, hidden: int, dropout: float = 0.1) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.match = nn.Embedding(MATCH_STATES, width)
        nn.init.zeros_(self.match.weight)
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(6 * width, hidden), nn.Tanh(), nn.Linear(hidden, len(CLASSES))
        )

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor, matches: Tensor) -> Tensor:
        """Return float32 logits [rows, 3]; `ids`, `mask`, `segments`, `matches` are integers [rows, length]."""
        embedded = self.encoder.get_input_embeddings()(ids) + self.match(matches)
        states = self.encoder(inputs_embeds=embedded, attention_mask=mask, token_type_ids=segments).last_hidden_state
        in_hypothesis = ((segments == 1) & (mask == 1)).unsqueeze(-1)
        in_premise = ((segments == 0) & (mask == 1)).unsqueeze(-1)
        premise = (states * in_premise).sum(1) / in_premise.sum(1)
        hypothesis = (states * in_hypothesis).sum(1) / in_hypothesis.sum(1)
        highest = states.masked_fill(~in_hypothesis, -torch.inf).amax(1)
        pooled = [states[:, 0], premise, hypothesis, (premise - hypothesis).abs(), premise * hypothesis, highest]
        return self.head(torch.cat(pooled, dim=-1))


def batch(rows: Sequence[Row], device: str | torch.device = "cpu") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return `(ids, mask, segments, matches)` of some rows, padded on the right to the longest."""
    longest = max(len(row.ids) for row in rows)

    def padded(values: list[list[int]]) -> Tensor:
        return torch.tensor([value + [0] * (longest - len(value)) for value in values], device=device)

    return (
        padded([row.ids for row in rows]),
        padded([[1] * len(row.ids) for row in rows]),
        padded([row.segments for row in rows]),
        padded([row.matches for row in rows]),
    )
