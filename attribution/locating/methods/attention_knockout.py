"""Attention suppression: what changes in the answer when its tokens must not look at a source sentence.

Thought Anchors (Bogdan, Macar et al. 2025, arXiv 2506.19143) masks one sentence in all layers and heads and takes the
Kullback-Leibler divergence of every later token's next-token distribution. There the sentences are the model's own
thoughts; here they are those of the sources:

    effect of sentence s on the words = mean over their tokens t of KL(p(. | all) || p_s(. | all but attention to s))

What differs from the released code: only the answer's tokens are kept from looking at s, later source tokens still do,
so that one forward over the sources serves all sentences (an effect that runs through another source sentence counts
for that one); temperature 1 and the whole distribution; no logarithm of the divergence.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ..attributions import Kind
from ..base import Proposal, Query
from ..context import Piece, Prompts, TooLongError, joined
from .contributive import Source, by_sentence, chosen, load, ranked

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel


class Attention:
    """Suppresses each sentence once; every query afterwards only adds up.

    Args:
        answer: The answer.
        documents: The sources.
        question: What was asked; read between the documents and the answer.
        model: A causal model with attention, best the one that wrote the answer, or its name; `None` for
            SmolLM2-135M-Instruct.
        window: Tokens of one forward; longer sources are read in several windows.
        top_k: How many sentences are proposed.
        batch_size: Sentences suppressed in one forward.

    Raises:
        ValueError: For values out of range.
    """

    name = "attention"
    kind = Kind.CONTRIBUTIVE

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        question: str | None = None,
        model: LanguageModel | str | None = None,
        window: int = 2048,
        top_k: int = 6,
        batch_size: int = 8,
    ) -> None:
        for name, value in (("window", window), ("top_k", top_k), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"`{name}` has to be at least 1, but is {value}")
        self.answer, self.documents, self.question = answer, documents, question
        self.window, self.top_k, self.batch_size = window, top_k, batch_size
        self._model = model
        self._prompts: Prompts | None = None
        self._effects: tuple[list[Source], Tensor] | None = None

    def propose(self, query: Query) -> Proposal:
        """The sentences whose suppression changes the words most."""
        if not any(document.text.strip() for document in self.documents):
            return Proposal((), ())
        try:
            sources, effects = self.effects
        except TooLongError as error:
            return Proposal((), (), failure=str(error))
        assert self._prompts is not None
        tokens = chosen(self._prompts, query, self.answer)
        if not tokens:
            return Proposal((), (), failure="the words hold no token of the answer")
        return ranked(effects[:, tokens].mean(1).tolist(), sources, self.documents, self.top_k, ())

    @property
    def effects(self) -> tuple[list[Source], Tensor]:
        """The source sentences, and `[sentences, answer tokens]`: the divergence that suppressing one causes there.

        Raises:
            TooLongError: Where the answer leaves no room for a document.
        """
        if self._effects is None:
            self._model = language = load(self._model)
            self._prompts = prompts = Prompts(self.answer, self.documents, self.question, language)
            sources: list[Source] = []
            divergences = []
            for pieces in prompts.windows(self.window):
                cut, own = by_sentence(pieces, prompts)
                sources += own
                divergences.append(suppressed(language, cut, [source.tokens for source in own], self.batch_size))
            self._effects = sources, torch.cat(divergences)
        return self._effects


@torch.inference_mode()
def suppressed(
    language: LanguageModel, pieces: Sequence[Piece], hidden: Sequence[tuple[int, int]], batch_size: int
) -> Tensor:
    """`[ranges, answer tokens]`: KL from the whole prompt's distribution to that without attention to some tokens.

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
    cache = model(input_ids=tokens[:, :first], use_cache=True, logits_to_keep=1).past_key_values
    positions = torch.arange(first, len(ids) - 1, device=device)[None]

    def distributions(masks: Tensor) -> Tensor:
        rows = len(masks)
        own = copy.deepcopy(cache)
        own.batch_repeat_interleave(rows)
        logits = model(
            input_ids=tokens[:, first:-1].expand(rows, -1),
            attention_mask=masks,
            position_ids=positions.expand(rows, -1),
            past_key_values=own,
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
