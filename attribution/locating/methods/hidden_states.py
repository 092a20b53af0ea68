"""Hidden states: which tokens of the sources a causal model represents like the words of the answer.

Phukan et al. 2024 ("Peering into the Mind of Language Models", arXiv 2405.17980), and LAQuer (Hirsch et al., ACL 2025)
after them: one forward over documents and answer, cosines between hidden states, layer and threshold from labelled
data. Neither's code for it is released, so what follows is ours: each token of the words finds its most similar token
in each sentence, sentences are ranked by how well they cover the words, and the matched tokens are joined into spans
(see :mod:`.late_interaction`); the common mean of the states is taken off before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ...text.markers import Range
from ..base import Proposal, Query, at_least
from ..context import Piece, joined
from ..results import Kind
from ..spans import sentences_of
from .causal import CausalMethod
from .late_interaction import Matching, MatchingOptions, SourceTokens, proposed

if TYPE_CHECKING:
    from typing import Unpack

    from counterfoil.models import LanguageModel

DEPTH = 0.6
"""Where the layer is that is compared, as a share of all of them; found by `training.laquer`."""

MATCHING = Matching(least=0.0, match=0.2, gap=5)


@dataclass(frozen=True)
class Compared:
    """One layer of a model on one answer and its sources.

    Args:
        similar: `[answer tokens, source tokens]`, cosines.
        tokens: The source tokens; their vectors are empty, for all that is asked of them is in `similar`.
        ids: `[answer tokens]`, their numbers.
        places: Where each token of the answer stands in it.
        n_windows: In how many windows the sources were read.
    """

    similar: Tensor
    tokens: SourceTokens
    ids: Tensor
    places: tuple[Range, ...]
    n_windows: int


class HiddenStates(CausalMethod):
    """Reads documents and answer once; every query afterwards only looks its rows up.

    Args:
        answer: The answer.
        documents: The sources.
        question: See :class:`~counterfoil.attribution.locating.methods.causal.CausalMethod`, as for the next two.
        model: What the method runs on.
        window: Tokens of one forward.
        layer: Whose output is compared, 0 for the embeddings; `None` for the one at :data:`DEPTH`.
        centre: Whether the mean over the source tokens is taken off first. Hidden states share a large common part,
            beside which two of different words look alike.
        **matching: Changes to :data:`MATCHING`.

    Raises:
        ValueError: For values out of range.
    """

    name = "hidden_states"
    kind = Kind.CORROBORATIVE

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        question: str | None = None,
        model: LanguageModel | str | None = None,
        window: int = 2048,
        layer: int | None = None,
        centre: bool = True,
        **matching: Unpack[MatchingOptions],
    ) -> None:
        super().__init__(answer, documents, question=question, model=model, window=window)
        if layer is not None:
            at_least(0, layer=layer)
        self.layer, self.centre = layer, centre
        self.matching = replace(MATCHING, **matching)

    def _propose(self, query: Query) -> Proposal:
        compared = self.compared
        chosen = [
            number
            for number, (start, end) in enumerate(compared.places)
            if any(any(c.isalnum() for c in self.answer[max(start, a) : min(end, b)]) for a, b in query.parts)
        ]
        rows = torch.tensor(chosen, dtype=torch.long)
        weights = compared.tokens.rarity(compared.ids[rows])
        found = proposed(compared.similar[rows], weights, compared.tokens, self.documents, self.matching)
        windows = compared.n_windows
        notes = (f"the documents were read in {windows} windows of {self.window} tokens",) if windows > 1 else ()
        return replace(found, notes=notes)

    @cached_property
    def compared(self) -> Compared:
        """Return the layer's cosines, computed when they are first needed; those of :meth:`in_layers` may be set here.

        Raises:
            TooLongError: If the answer leaves no room for a document.
        """
        config = self.language.model.config.get_text_config()
        layer = round(DEPTH * config.num_hidden_layers) if self.layer is None else self.layer
        return self.in_layers([layer])[layer]

    def in_layers(self, layers: Sequence[int]) -> dict[int, Compared]:
        """Return the cosines of all tokens of the answer with all of the sources, from one forward a window.

        Args:
            layers: Which: 0 is the embeddings, j the output of the j-th layer. Several are for choosing one of them.

        Raises:
            TooLongError: If the answer leaves no room for a document.
            ValueError: For a layer that the model does not have.
        """
        found: dict[int, list[tuple[Tensor, list[Tensor]]]] = {layer: [] for layer in layers}
        for pieces in self.prompts.windows(self.window):
            ids, ranges = joined(pieces)
            rows = _source_rows(pieces, ranges, self.documents)
            for layer, hidden in zip(layers, _forward(self.language, ids, layers), strict=True):
                found[layer].append((_similar(hidden, rows, ranges[-1], centre=self.centre), rows))
        answer = self.prompts.answer
        return {
            layer: Compared(
                torch.cat([similar for similar, _ in windows], dim=1),
                _tokens([rows for _, rows in windows]),
                torch.tensor(answer.ids),
                answer.places,
                len(windows),
            )
            for layer, windows in found.items()
            if windows
        }


@torch.inference_mode()
def _forward(language: LanguageModel, ids: Sequence[int], layers: Sequence[int]) -> list[Tensor]:
    """Return `[tokens, width]` of each of the layers; the head, whose logits nobody reads, does not run."""
    inputs = torch.tensor([list(ids)], device=language.model.device)
    base = cast("Any", language.model.base_model)
    states = base(input_ids=inputs, use_cache=False, output_hidden_states=True).hidden_states
    if max(layers) >= len(states) or min(layers) < 0:
        raise ValueError(f"`layer` has to be in 0..{len(states) - 1} for {language.name}, but is {max(layers)}")
    return [states[layer][0].float().cpu() for layer in layers]


def _source_rows(pieces: Sequence[Piece], ranges: Sequence[Range], documents: Sequence[Document]) -> list[Tensor]:
    """Return of each source token: row among the states, number, document, sentence, start, end.

    The tokens of a document's title are repeated for each of its sentences, as tokens of that sentence without a place.
    """
    numbers = _first_sentences(documents)
    title: list[tuple[int, int]] = []
    rows: list[tuple[int, int, int, int, int, int]] = []
    for piece, (first, _) in zip(pieces, ranges, strict=True):
        at = list(enumerate(piece.ids, start=first))
        if piece.role == "title":
            title = at
        if piece.role != "text":
            continue
        sentences = sentences_of(documents[piece.document].text)
        begins = [sentence.start for sentence in sentences]
        seen: set[int] = set()
        for (row, id_), (start, end) in zip(at, piece.places, strict=True):
            own = bisect_right(begins, start if start >= begins[0] else begins[0]) - 1
            if start >= end or start >= sentences[own].end:
                continue
            sentence = numbers[piece.document] + own
            if sentence not in seen:
                rows += [(r, i, piece.document, sentence, -1, -1) for r, i in title]
                seen.add(sentence)
            rows.append((row, id_, piece.document, sentence, start, end))
    return list(torch.tensor(rows or torch.empty(0, 6), dtype=torch.long).T)


def _first_sentences(documents: Sequence[Document]) -> list[int]:
    numbers, total = [], 0
    for document in documents:
        numbers.append(total)
        total += len(sentences_of(document.text))
    return numbers


def _similar(hidden: Tensor, rows: list[Tensor], answer: Range, *, centre: bool) -> Tensor:
    sources, own = hidden[rows[0]], hidden[answer[0] : answer[1]]
    if centre:
        mean = sources[rows[4] >= 0].mean(0)
        sources, own = sources - mean, own - mean
    return torch.nn.functional.normalize(own, dim=-1) @ torch.nn.functional.normalize(sources, dim=-1).T


def _tokens(windows: Sequence[list[Tensor]]) -> SourceTokens:
    _, ids, documents, sentences, starts, ends = (torch.cat(column) for column in zip(*windows, strict=True))
    return SourceTokens(torch.empty(len(ids), 0), ids, documents, sentences, starts, ends)
