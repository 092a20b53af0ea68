"""What the contributive methods share: source sentences as parts of a prompt, and their effects on an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document, SourceSpan
from ...text.markers import Range
from ..base import Proposal, Query, at_least, everything
from ..context import Piece, Prompts
from ..results import Kind
from ..spans import sentences_of
from .causal import CausalMethod, CausalOptions

if TYPE_CHECKING:
    from typing import Unpack

    from counterfoil.models import LanguageModel


class ContributiveOptions(CausalOptions, total=False):
    """Arguments of :class:`ContributiveMethod` beside the answer and the documents."""

    top_k: int


@dataclass(frozen=True)
class Source:
    """A sentence of a document, as a part of a window: which piece, and which tokens of the window."""

    document: int
    start: int
    end: int
    piece: Piece
    tokens: Range


class ContributiveMethod(CausalMethod):
    """Base of these methods: proposes the sentences with the largest positive effect on the words.

    Args:
        answer: The answer.
        documents: The sources.
        top_k: How many sentences are proposed.
        **options: Of :class:`~counterfoil.attribution.locating.methods.causal.CausalMethod`.
    """

    kind = Kind.CONTRIBUTIVE

    def __init__(
        self, answer: str, documents: Sequence[Document], *, top_k: int = 6, **options: Unpack[CausalOptions]
    ) -> None:
        super().__init__(answer, documents, **options)
        at_least(1, top_k=top_k)
        self.top_k = top_k

    def _propose(self, query: Query) -> Proposal:
        tokens = self._tokens(query)
        if not tokens:
            return Proposal((), (), failure="the words hold no token of the answer")
        sources, effects, notes = self.effects_on(tokens)
        return ranked(effects, sources, self.documents, self.top_k, notes)

    @abstractmethod
    def effects_on(self, tokens: Sequence[int]) -> tuple[list[Source], list[float], tuple[str, ...]]:
        """Return the source sentences, the effect of each on some tokens of the answer, and notes on them.

        Raises:
            TooLongError: If the answer leaves no room for a document.
        """

    def _tokens(self, query: Query) -> list[int]:
        """Return which tokens of the answer are those of the words themselves, not of what the claim took elsewhere."""
        return [
            number
            for number, (start, end) in enumerate(self.prompts.answer.places)
            if any(self.answer[max(start, first) : min(end, last)].strip() for first, last in query.ranges)
        ]


def by_sentence(pieces: Sequence[Piece], prompts: Prompts) -> tuple[list[Piece], list[Source]]:
    """Return the window with a piece for each sentence, and where the sentences are in it.

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
            (max(sentence.start, first), min(sentence.end, last))
            for sentence in sentences_of(prompts.documents[piece.document].text)
            if sentence.start < last and first < sentence.end
        ]
        ends = [start for start, _ in own[1:]] + [last]
        for (start, end), stop in zip(own, ends, strict=True):
            sentence = prompts.text(piece.document, start, stop)
            cut.append(sentence)
            tokens = (length, length + len(sentence.ids))
            found.append(Source(piece.document, start, end, sentence, tokens))
            length = tokens[1]
    return cut, found


@torch.inference_mode()
def answer_log_probabilities(language: LanguageModel, prompts: Sequence[list[int]], n_answer: int) -> Tensor:
    """Return `[prompts, n_answer]` float32: log-probability of each of the last `n_answer` tokens of each prompt.

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


def ranked(
    effects: Sequence[float],
    sources: Sequence[Source],
    documents: Sequence[Document],
    top_k: int,
    notes: tuple[str, ...],
) -> Proposal:
    """Return the sentences with a positive effect, the largest first; a score is its share of all positive effects."""
    positive = sum(effect for effect in effects if effect > 0)
    order = sorted(range(len(sources)), key=lambda n: (-effects[n], n))[:top_k]
    candidates = tuple(
        SourceSpan.of(documents[sources[n].document], sources[n].start, sources[n].end, min(effects[n] / positive, 1.0))
        for n in order
        if effects[n] > 0
    )
    return Proposal(candidates, everything(documents), notes)
