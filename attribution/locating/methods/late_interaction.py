"""Late interaction: from cosines of tokens of a claim and tokens of the sources to places in the sources.

A sentence is as good as its tokens cover the claim: each token of the claim counts its most similar one in the
sentence (late interaction, as in ColBERT), weighted by how rare it is in these sources. Within the sentence, the tokens
that were the match of some token of the claim are joined into spans; a match on a very common word does not form a
span by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import torch
from torch import Tensor

from ...documents import Document, SourceSpan
from ...text.word_boundaries import snapped
from ..base import Proposal, at_least, everything

INFORMATIVE = 1.0
"""Weight from which on a token of the claim is informative: it stands in less than a third of the sentences or so."""


@dataclass(frozen=True)
class Matching:
    """How similar tokens become spans.

    Args:
        least: How well a sentence must cover the claim, in [-1, 1], to be an answer of the method's own.
        match: How similar a token of the sources must be, in [-1, 1], to stand for one of the claim.
        gap: Matches with at most so many tokens between them are one span.
        margin: A sentence that covers the claim worse than the best one by more than this is no answer of the method's.
        top_k: How many sentences are proposed for verification.

    Raises:
        ValueError: For values out of range.
    """

    least: float
    match: float
    gap: int
    margin: float = 0.05
    top_k: int = 6

    def __post_init__(self) -> None:
        for name in ("least", "match"):
            if not -1.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"`{name}` has to be in [-1, 1], but is {getattr(self, name)}")
        if not self.margin >= 0:
            raise ValueError(f"`margin` has to be at least 0, but is {self.margin}")
        at_least(0, gap=self.gap)
        at_least(1, top_k=self.top_k)


class MatchingOptions(TypedDict, total=False):
    """The fields of :class:`Matching`, as keyword arguments."""

    least: float
    match: float
    gap: int
    margin: float
    top_k: int


@dataclass(frozen=True)
class SourceTokens:
    """The tokens of the sources, `n` of them.

    Args:
        vectors: `[n, width]`, of length 1.
        ids: `[n]`, their numbers in the vocabulary.
        documents: `[n]`, which of the documents.
        sentences: `[n]`, numbered through all documents from 0.
        starts: `[n]`, where in the document's text; -1 for a token of a title, which is read with every sentence but is
            no place in the text.
        ends: `[n]`, one past its last character.
    """

    vectors: Tensor
    ids: Tensor
    documents: Tensor
    sentences: Tensor
    starts: Tensor
    ends: Tensor

    @cached_property
    def n_sentences(self) -> int:
        """Return how many sentences there are."""
        return int(self.sentences.max()) + 1 if len(self.sentences) else 0

    @cached_property
    def _once_a_sentence(self) -> Tensor:
        """Return the numbers of the tokens, each once for each sentence that holds it."""
        return torch.unique(torch.stack([self.ids, self.sentences]), dim=1)[0]

    def rarity(self, ids: Tensor) -> Tensor:
        """Return `[q]`, how rare tokens of the claim are: log((1 + S) / (0.5 + n)), n of S sentences holding each."""
        count = (self._once_a_sentence[None, :] == ids[:, None]).sum(1)
        return torch.log((1 + self.n_sentences) / (0.5 + count))


def proposed(
    similar: Tensor, weights: Tensor, tokens: SourceTokens, documents: Sequence[Document], settings: Matching
) -> Proposal:
    """Return the sentences that cover the claim best, the best one first, each with the spans that do it.

    Args:
        similar: `[q, n]`, cosine of each token of the claim and each of the sources.
        weights: `[q]`, how much each token of the claim counts.
        tokens: The tokens of the sources.
        documents: What `tokens.documents` counts.
        settings: How.
    """
    if not similar.numel():
        return Proposal((), everything(documents))
    score = coverage(similar, weights, tokens)
    order = torch.argsort(score, descending=True, stable=True)[: settings.top_k].tolist()
    best = float(score[order[0]])
    # Among few sentences nothing is rare: then the rarer half of the claim's own tokens tells.
    informative = weights >= min(INFORMATIVE, float(weights.median()))
    candidates: list[SourceSpan] = []
    own = 0
    for sentence in order:
        value = float(score[sentence])
        spans = _spans(similar, informative, tokens, sentence, documents, value, settings)
        candidates += spans
        if value >= settings.least and value >= best - settings.margin:
            own += len(spans)
    return Proposal(tuple(candidates), everything(documents), n_own=own)


def coverage(similar: Tensor, weights: Tensor, tokens: SourceTokens) -> Tensor:
    """Return `[sentences]`: how well each sentence covers the claim, in [-1, 1]."""
    index = tokens.sentences.expand(len(similar), -1)
    highest = torch.full((len(similar), tokens.n_sentences), -1.0).scatter_reduce(1, index, similar, "amax")
    return weights @ highest / weights.sum()


def _spans(
    similar: Tensor,
    informative: Tensor,
    tokens: SourceTokens,
    sentence: int,
    documents: Sequence[Document],
    score: float,
    settings: Matching,
) -> list[SourceSpan]:
    """Return the matches of one sentence, joined and snapped to words; the whole sentence if no token matches."""
    own = torch.nonzero((tokens.sentences == sentence) & (tokens.starts >= 0))[:, 0]
    shown = torch.nonzero(tokens.sentences == sentence)[:, 0]
    highest = similar[:, shown].argmax(1)
    likeness = similar[:, shown].gather(1, highest[:, None])[:, 0]
    enough = likeness >= settings.match
    hits = set(shown[highest[enough]].tolist())
    strong = set(shown[highest[enough & informative]].tolist())
    document = documents[int(tokens.documents[own[0]])]
    runs: list[list[int]] = []
    for place, token in enumerate(own.tolist()):
        if token in hits:
            if runs and place - runs[-1][-1] <= settings.gap + 1:
                runs[-1].append(place)
            else:
                runs.append([place])
    runs = [run for run in runs if any(int(own[place]) in strong for place in run)] or [[0, len(own) - 1]]
    spans = [(int(tokens.starts[own[run[0]]]), int(tokens.ends[own[run[-1]]])) for run in runs]
    whole_words = dict.fromkeys(snapped(document.text, *span)[:2] for span in spans)
    bounded = min(max(score, 0.0), 1.0)
    return [SourceSpan.of(document, start, end, bounded) for start, end in whole_words if start < end]
