"""Attention knockout: what changes in the answer when its tokens must not look at a source sentence.

Attention knockout (Geva et al., EMNLP 2023, arXiv 2304.14767) masks attention from some positions to others; Thought
Anchors (Bogdan, Macar et al. 2025, arXiv 2506.19143) masks one sentence in all layers and heads and takes the
Kullback-Leibler divergence of every later token's next-token distribution. There the sentences are the model's own
thoughts; here they are those of the sources:

    effect of sentence s on the words = mean over their tokens t of KL(p(. | all) || p_s(. | all but attention to s))

What differs from the released code of Thought Anchors: only the answer's tokens are kept from looking at s, later
source tokens still do, so that one forward over the sources serves all sentences (an effect that runs through another
source sentence counts for that one); temperature 1 and the whole distribution; no logarithm of the divergence.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ..base import at_least
from ..context import Piece, joined
from .contributive import ContributiveMethod, ContributiveOptions, Source, by_sentence

if TYPE_CHECKING:
    from typing import Unpack

    from counterfoil.models import LanguageModel


class AttentionKnockout(ContributiveMethod):
    """Knocks each sentence out once; every query afterwards only adds up.

    Args:
        answer: The answer.
        documents: The sources.
        batch_size: Sentences knocked out in one forward.
        **options: Of :class:`~counterfoil.attribution.locating.methods.contributive.ContributiveMethod`.

    Raises:
        ValueError: For values out of range.
    """

    name = "attention_knockout"

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        batch_size: int = 8,
        **options: Unpack[ContributiveOptions],
    ) -> None:
        super().__init__(answer, documents, **options)
        at_least(1, batch_size=batch_size)
        self.batch_size = batch_size

    def effects_on(self, tokens: Sequence[int]) -> tuple[list[Source], list[float], tuple[str, ...]]:
        """Return the mean divergence that knocking out each sentence causes at some tokens of the answer."""
        sources, effects = self.effects
        return sources, effects[:, list(tokens)].mean(1).tolist(), ()

    @cached_property
    def effects(self) -> tuple[list[Source], Tensor]:
        """Return the source sentences, and `[sentences, answer tokens]`: the divergence that knocking one out causes.

        Raises:
            TooLongError: If the answer leaves no room for a document.
        """
        sources: list[Source] = []
        divergences = []
        for pieces in self.prompts.windows(self.window):
            cut, own = by_sentence(pieces, self.prompts)
            sources += own
            hidden = [source.tokens for source in own]
            divergences.append(knocked_out(self.language, cut, hidden, self.batch_size))
        return sources, torch.cat(divergences)


@torch.inference_mode()
def knocked_out(
    language: LanguageModel, pieces: Sequence[Piece], hidden: Sequence[tuple[int, int]], batch_size: int
) -> Tensor:
    """Return `[ranges, answer tokens]`: KL from the full distribution to that without attention to some tokens.

    Args:
        language: The model.
        pieces: The prompt, the answer last.
        hidden: Ranges of its tokens before the answer.
        batch_size: Ranges in one forward.
    """
    ids, ranges = joined(pieces)
    # The first token of the answer is predicted by the last one before it, which is a query as well.
    first = ranges[-1][0] - 1
    device = language.model.device
    tokens = torch.tensor([ids], device=device)
    model = cast("Any", language.model)
    # transformers renamed it in 5.24.
    cache_name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    cache = model(input_ids=tokens[:, :first], use_cache=True, logits_to_keep=1)[cache_name]
    positions = torch.arange(first, len(ids) - 1, device=device)[None]

    def distributions(masks: Tensor) -> Tensor:
        rows = len(masks)
        own = copy.deepcopy(cache)
        own.batch_repeat_interleave(rows)
        logits = model(
            input_ids=tokens[:, first:-1].expand(rows, -1),
            attention_mask=masks,
            position_ids=positions.expand(rows, -1),
            **{cache_name: own},
            use_cache=True,
        ).logits
        return logits.float().log_softmax(-1)

    everything = torch.ones(1, len(ids) - 1, dtype=torch.long, device=device)
    full = distributions(everything)
    found = []
    for at in range(0, len(hidden), batch_size):
        some = hidden[at : at + batch_size]
        masks = everything.repeat(len(some), 1)
        for row, (start, end) in enumerate(some):
            masks[row, start:end] = 0
        other = distributions(masks)
        found.append((full.exp() * (full - other)).sum(-1).clamp_min(0.0).cpu())
    return torch.cat(found) if found else torch.empty(0, len(ids) - ranges[-1][0])
