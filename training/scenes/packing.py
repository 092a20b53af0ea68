"""Several questions about one picture in one row: the picture is read once, and no question sees another.

A row is a prefix (the beginning, then a picture, a description or nothing) and after it segments, each a prompt with
its answer. A segment sees the prefix and itself, and its positions go on from the prefix's: to each of them the row is
what the model will meet, a prompt of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration

IGNORED = -100


@dataclass(frozen=True)
class Packed:
    """Rows of one layout.

    Args:
        prefix: Tokens before the segments, [rows, prefix]; image tokens stand for `pictures`.
        segments: Tokens of the segments, one after the other, [rows, segments].
        targets: What has to be said after each of them, or :data:`IGNORED`, [rows, segments].
        lengths: How long each segment is; they sum to `segments.shape[1]`.
        pictures: What the vision tower gave, [rows, patches, width], or `None`.
        near: The things that are near each patch, if there are pictures, [rows, patches, things].
    """

    prefix: Tensor
    segments: Tensor
    targets: Tensor
    lengths: tuple[int, ...]
    pictures: Tensor | None = None
    near: Tensor | None = None

    @property
    def positions(self) -> Tensor:
        """Return the positions [1, prefix + segments]."""
        before = self.prefix.shape[1]
        parts = [torch.arange(before), *(before + torch.arange(length) for length in self.lengths)]
        return torch.cat(parts)[None]

    @property
    def sees(self) -> Tensor:
        """Return the tokens that each token sees: [1, 1, prefix + segments, prefix + segments]."""
        before = self.prefix.shape[1]
        owner = torch.cat([torch.full((length,), number) for number, length in enumerate((before, *self.lengths))])
        same = (owner[:, None] == owner[None, :]) | (owner[None, :] == 0)
        return (same & torch.ones(len(owner), len(owner)).tril().bool())[None, None]


def packed(prefix: Sequence[Sequence[int]], said: Sequence[Sequence[tuple[list[int], list[int]]]]) -> Packed:
    """Pack prompts with their answers behind prefixes.

    Args:
        prefix: Tokens of each row's prefix, all of one length.
        said: For each row as many (prompt, answer) pairs, in tokens. The n-th prompts are of one length in all rows;
            answers are padded.
    """
    longest = [max(len(prompt) + len(answer) for prompt, answer in column) - 1 for column in zip(*said, strict=True)]
    segments = torch.zeros(len(said), sum(longest), dtype=torch.long)
    targets = torch.full_like(segments, IGNORED)
    for row, pairs in enumerate(said):
        start = 0
        for (prompt, answer), length in zip(pairs, longest, strict=True):
            tokens = torch.tensor(prompt + answer[:-1])
            segments[row, start : start + len(tokens)] = tokens
            first = start + len(prompt) - 1
            targets[row, first : first + len(answer)] = torch.tensor(answer)
            start += length
    return Packed(torch.tensor(prefix, dtype=torch.long), segments, targets, tuple(longest))


@dataclass(frozen=True)
class Said:
    """What a model made of rows.

    Args:
        logits: After each token of the segments, [rows, segments, vocabulary].
        first_layer: Of the language model, at the same places, [rows, segments, width].
        projected: The patches as it reads them, [rows, patches, width], or `None`.
    """

    logits: Tensor
    first_layer: Tensor
    projected: Tensor | None


def read(model: LlavaForConditionalGeneration, rows: Packed) -> Said:
    """Run one forward over packed rows."""
    inner = model.model
    embedded = inner.get_input_embeddings()(torch.cat([rows.prefix, rows.segments], dim=1))
    projected = None
    if rows.pictures is not None:
        projected = inner.multi_modal_projector(rows.pictures)
        place = rows.prefix == model.config.image_token_id
        place = nn.functional.pad(place, (0, rows.segments.shape[1]))
        embedded = embedded.masked_scatter(place[..., None], projected.to(embedded.dtype))
    found = inner.language_model(
        inputs_embeds=embedded,
        attention_mask=rows.sees.expand(len(embedded), -1, -1, -1),
        position_ids=rows.positions,
        use_cache=False,
        output_hidden_states=True,
    )
    before = rows.prefix.shape[1]
    return Said(model.lm_head(found.last_hidden_state[:, before:]), found.hidden_states[1][:, before:], projected)
