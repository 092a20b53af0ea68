"""Hidden states of a causal model over documents and answer: one forward, whatever is asked of the answer later."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ...text.markers import Range
from ..context import Piece, Prompts, joined
from ..spans import sentences_of
from .late_interaction import SourceTokens

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel


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


def compare(
    prompts: Prompts,
    language: LanguageModel,
    documents: Sequence[Document],
    *,
    layers: Sequence[int],
    window: int,
    centre: bool,
) -> dict[int, Compared]:
    """The cosines of all tokens of the answer with all of the sources, in some layers, from one forward a window.

    Args:
        prompts: What is read.
        language: By whom.
        documents: The sources.
        layers: Which: 0 is the embeddings, j the output of the j-th layer.
        window: Tokens of one forward; the answer stands in each window, after the sources that are in it, and is
            compared with them there.
        centre: Whether the mean over the source tokens is taken off first. Hidden states share a large common part,
            beside which two of different words look alike.

    Raises:
        TooLongError: Where the answer leaves no room for a document.
        ValueError: For a layer that the model has not.
    """
    found: dict[int, list[tuple[Tensor, list[Tensor]]]] = {layer: [] for layer in layers}
    n_windows = 0
    for pieces in prompts.windows(window):
        ids, ranges = joined(pieces)
        states = _forward(language, ids, layers)
        rows = _source_rows(pieces, ranges, documents)
        for layer, hidden in zip(layers, states, strict=True):
            found[layer].append((_similar(hidden, rows, ranges[-1], centre=centre), rows))
        n_windows += 1
    answer = prompts.answer
    return {
        layer: Compared(
            torch.cat([similar for similar, _ in windows], dim=1),
            _tokens([rows for _, rows in windows]),
            torch.tensor(answer.ids),
            answer.places,
            n_windows,
        )
        for layer, windows in found.items()
        if windows
    }


@torch.inference_mode()
def _forward(language: LanguageModel, ids: Sequence[int], layers: Sequence[int]) -> list[Tensor]:
    """`[tokens, width]` of each of the layers; the head, whose logits nobody reads, does not run."""
    inputs = torch.tensor([list(ids)], device=language.model.device)
    base = cast("Any", language.model.base_model)
    states = base(input_ids=inputs, use_cache=False, output_hidden_states=True).hidden_states
    if max(layers) >= len(states) or min(layers) < 0:
        raise ValueError(f"`layer` has to be in 0..{len(states) - 1} for {language.name}, but is {max(layers)}")
    return [states[layer][0].float().cpu() for layer in layers]


def _source_rows(pieces: Sequence[Piece], ranges: Sequence[Range], documents: Sequence[Document]) -> list[Tensor]:
    """Of each source token: row among the states, number, document, sentence, start, end.

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
