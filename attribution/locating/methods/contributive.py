"""What the contributive methods share: log-probabilities of an answer, and effects of source sentences on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document, SourceSpan
from ...text.markers import Range
from ..base import Proposal, Query, whole
from ..context import Piece, Prompts
from ..spans import sentences_of

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel


@dataclass(frozen=True)
class Source:
    """A sentence of a document, as a part of a window: which piece, and which tokens of the window."""

    document: int
    sentence: int
    start: int
    end: int
    piece: Piece
    tokens: Range


def by_sentence(pieces: Sequence[Piece], prompts: Prompts) -> tuple[list[Piece], list[Source]]:
    """The window with a piece for each sentence, and where the sentences are in it.

    What stands between two sentences belongs to the first of them.
    """
    cut: list[Piece] = []
    found: list[Source] = []
    length = 0
    for piece in pieces:
        if piece.role != "text":
            cut.append(piece)
            length += len(piece.ids)
            continue
        first, last = piece.places[0][0], piece.places[-1][1]
        own = [
            (number, max(s.start, first), min(s.end, last))
            for number, s in enumerate(sentences_of(prompts.documents[piece.document].text))
            if s.start < last and first < s.end
        ]
        ends = [start for _, start, _ in own[1:]] + [last]
        for (number, start, end), stop in zip(own, ends, strict=True):
            sentence = prompts.text(piece.document, start, stop)
            cut.append(sentence)
            tokens = (length, length + len(sentence.ids))
            found.append(Source(piece.document, number, start, end, sentence, tokens))
            length = tokens[1]
    return cut, found


@torch.inference_mode()
def answer_log_probabilities(language: LanguageModel, prompts: Sequence[list[int]], n_answer: int) -> Tensor:
    """`[prompts, n_answer]` float32: log-probability of each of the last `n_answer` tokens of each prompt.

    Prompts of different lengths are filled up on the left, so that their answers stand in the same columns.
    """
    longest = max(len(ids) for ids in prompts)
    device = language.model.device
    padding = cast("Any", language.tokenizer).pad_token_id or 0
    ids = torch.tensor([[padding] * (longest - len(row)) + row for row in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts], device=device)
    positions = (mask.cumsum(-1) - 1).clamp_min(0)
    model = cast("Any", language.model)
    logits = model(
        input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=n_answer + 1
    ).logits
    log_p = logits[:, -n_answer - 1 : -1].float().log_softmax(-1)
    return log_p.gather(-1, ids[:, -n_answer:, None])[..., 0].cpu()


def chosen(prompts: Prompts, query: Query, answer: str) -> list[int]:
    """Which tokens of the answer are those of the words themselves, not of what the claim took from elsewhere."""
    return [
        number
        for number, (start, end) in enumerate(prompts.answer.places)
        if start < query.end and query.start < end and answer[max(start, query.start) : min(end, query.end)].strip()
    ]


def ranked(
    effects: Sequence[float],
    sources: Sequence[Source],
    documents: Sequence[Document],
    top_k: int,
    notes: tuple[str, ...],
) -> Proposal:
    """The sentences with a positive effect, the largest first; a score is its share of all positive effects."""
    positive = sum(effect for effect in effects if effect > 0)
    order = sorted(range(len(sources)), key=lambda n: (-effects[n], n))[:top_k]
    candidates = tuple(
        SourceSpan.of(documents[sources[n].document], sources[n].start, sources[n].end, min(effects[n] / positive, 1.0))
        for n in order
        if effects[n] > 0
    )
    return Proposal(candidates, whole(documents), notes)


def load(model: LanguageModel | str | None) -> LanguageModel:
    """The model itself, or the one of that name."""
    if model is None or isinstance(model, str):
        from counterfoil.models import load_language_model  # noqa: PLC0415 (seconds to import)

        return load_language_model(model)
    return model
