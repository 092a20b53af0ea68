"""Alignment: token embeddings of claim and sources compared; no language model.

The idea of the sub-sentence encoder (Chen et al., 2023, arXiv 2311.04335): parts of sentences have embeddings of their
own, pooled from the tokens of an encoder that has read the whole sentence. Here nothing is pooled or trained: the
tokens of a sentence encoder themselves are compared (see :mod:`.late_interaction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ...passages import fitting
from ...text.segmentation import without_surrogates
from ..attributions import Kind
from ..base import Proposal, Query
from ..spans import sentences_of
from .late_interaction import Matching, SourceTokens, proposed

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TITLE_TOKENS, _SPECIAL_TOKENS = 32, 8


class Alignment:
    """Embeds the sources once, sentence by sentence under their titles, and each claim by itself.

    Args:
        answer: Not read: a claim is embedded by itself.
        documents: The sources.
        question: Not read.
        model: A sentence-transformers model, or its name; `None` for all-MiniLM-L6-v2.
        least: See :class:`~counterfoil.attribution.locating.methods.late_interaction.Matching`, as for all that follow.
        match: From which cosine on a token stands for one of the claim.
        gap: Matches with at most so many tokens between them are one span.
        margin: How much worse than the best a sentence may be.
        top_k: How many sentences are proposed to whoever checks them.
        batch_size: How many sentences are embedded at once.
    """

    name = "alignment"
    kind = Kind.CORROBORATIVE

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        question: str | None = None,
        model: SentenceTransformer | str | None = None,
        least: float = 0.5,
        match: float = 0.3,
        gap: int = 5,
        margin: float = 0.05,
        top_k: int = 6,
        batch_size: int = 32,
    ) -> None:
        del answer, question
        self.documents = documents
        self.settings = Matching(least, match, gap, margin, top_k)
        self.batch_size = batch_size
        self._model = model
        self._tokens: SourceTokens | None = None

    def propose(self, query: Query) -> Proposal:
        """The sentences whose tokens cover the claim's best."""
        if not any(document.text.strip() for document in self.documents):
            return Proposal((), ())
        tokens = self.tokens
        claim = without_surrogates(query.claim)
        ids, vectors, offsets = self._embedded([claim])[0]
        worded = torch.tensor([any(c.isalnum() for c in claim[start:end]) for start, end in offsets.tolist()])
        ids, vectors = ids[worded], vectors[worded]
        return proposed(vectors @ tokens.vectors.T, tokens.rarity(ids), tokens, self.documents, self.settings)

    @property
    def model(self) -> SentenceTransformer:
        """The model, loaded when it is first needed."""
        if self._model is None or isinstance(self._model, str):
            from counterfoil.models import load_embedding_model  # noqa: PLC0415 (seconds to import)

            self._model = load_embedding_model(self._model)
        return self._model

    @property
    def tokens(self) -> SourceTokens:
        """The tokens of all sources, embedded when they are first needed."""
        if self._tokens is None:
            self._tokens = self._of_sources()
        return self._tokens

    def _of_sources(self) -> SourceTokens:
        tokenizer = cast("Any", self.model.tokenizer)
        room = (self.model.max_seq_length or 512) - _TITLE_TOKENS - _SPECIAL_TOKENS
        texts, places = [], []
        sentence = 0
        for number, document in enumerate(self.documents):
            title = _title(document, tokenizer)
            for piece in sentences_of(document.text):
                for start, end, _ in fitting(piece, tokenizer, room):
                    texts.append(title + without_surrogates(document.text[start:end]))
                    places.append((number, sentence, start - len(title), len(title)))
                sentence += 1
        columns: list[list[Tensor]] = [[] for _ in range(6)]
        for (number, sentence, shift, head), (ids, vectors, offsets) in zip(places, self._embedded(texts), strict=True):
            in_title = offsets[:, 0] < head
            of_token = [
                vectors,
                ids,
                torch.full_like(ids, number),
                torch.full_like(ids, sentence),
                (offsets[:, 0] + shift).masked_fill(in_title, -1),
                (offsets[:, 1] + shift).masked_fill(in_title, -1),
            ]
            for column, values in zip(columns, of_token, strict=True):
                column.append(values)
        return SourceTokens(*(torch.cat(column) for column in columns))

    @torch.inference_mode()
    def _embedded(self, texts: list[str]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each text its token numbers `[n]`, their vectors `[n, width]` and offsets `[n, 2]`; no special tokens."""
        model, tokenizer = cast("Any", self.model), cast("Any", self.model.tokenizer)
        states = model.encode(
            texts, output_value="token_embeddings", batch_size=self.batch_size, show_progress_bar=False
        )
        found = []
        for text, vectors in zip(texts, states, strict=True):
            encoded = tokenizer(
                text, truncation=True, max_length=model.max_seq_length, return_offsets_mapping=True,
                return_special_tokens_mask=True, return_tensors="pt",
            )  # fmt: skip
            inside = encoded["special_tokens_mask"][0] == 0
            unit = torch.nn.functional.normalize(vectors.float().cpu(), dim=-1)
            found.append((encoded["input_ids"][0][inside], unit[inside], encoded["offset_mapping"][0][inside]))
        return found


def _title(document: Document, tokenizer: Any) -> str:  # noqa: ANN401 (tokenizers of sentence-transformers have no type)
    """What is read before every sentence: the title, cut to what leaves room for a sentence."""
    offsets = tokenizer(without_surrogates(document.title), add_special_tokens=False, return_offsets_mapping=True)
    ends = [end for _, end in offsets["offset_mapping"]][:_TITLE_TOKENS]
    return f"{without_surrogates(document.title)[: ends[-1]]}. " if ends else ""
