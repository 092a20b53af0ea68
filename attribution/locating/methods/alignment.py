"""Alignment: token embeddings of claim and sources compared; no language model.

The idea of the sub-sentence encoder (Chen et al., 2023, arXiv 2311.04335): parts of sentences have embeddings of their
own, pooled from the tokens of an encoder that has read the whole sentence. Here nothing is pooled or trained: the
tokens of a sentence encoder themselves are compared (see :mod:`.late_interaction`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ...retrieval import fitting
from ...text.segmentation import without_surrogates
from ..base import BaseMethod, Proposal, Query, at_least
from ..results import Kind
from ..spans import sentences_of
from .late_interaction import Matching, MatchingOptions, SourceTokens, proposed

if TYPE_CHECKING:
    from typing import Unpack

    from sentence_transformers import SentenceTransformer

_TITLE_TOKENS, _SPECIAL_TOKENS = 32, 8


MATCHING = Matching(least=0.5, match=0.3, gap=5)


class Alignment(BaseMethod):
    """Embeds the sources once, sentence by sentence under their titles, and each claim by itself.

    Args:
        answer: Not read: a claim is embedded by itself.
        documents: The sources.
        question: Not read.
        model: A sentence-transformers model, or its name; `None` for all-MiniLM-L6-v2.
        batch_size: How many sentences are embedded at once.
        **matching: Changes to :data:`MATCHING`.

    Raises:
        ValueError: For values out of range.
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
        batch_size: int = 32,
        **matching: Unpack[MatchingOptions],
    ) -> None:
        super().__init__(answer, documents, question)
        at_least(1, batch_size=batch_size)
        self.batch_size = batch_size
        self.matching = replace(MATCHING, **matching)
        self._model = model

    def _propose(self, query: Query) -> Proposal:
        tokens = self.tokens
        claim = without_surrogates(query.claim)
        ids, vectors, offsets = self._embedded([claim])[0]
        worded = torch.tensor([any(c.isalnum() for c in claim[start:end]) for start, end in offsets.tolist()])
        ids, vectors = ids[worded], vectors[worded]
        return proposed(vectors @ tokens.vectors.T, tokens.rarity(ids), tokens, self.documents, self.matching)

    @cached_property
    def model(self) -> SentenceTransformer:
        """Return the model, loaded when it is first needed."""
        if self._model is None or isinstance(self._model, str):
            from counterfoil.models import load_embedding_model  # noqa: PLC0415 (seconds to import)

            return load_embedding_model(self._model)
        return self._model

    @classmethod
    def load_model(cls, model: str | None, options: Mapping[str, object]) -> tuple[object, dict[str, Any]]:
        """Load the embedding model of that name; see :meth:`BaseMethod.load_model`."""
        from counterfoil.models import load_embedding_model  # noqa: PLC0415 (seconds to import)

        return load_embedding_model(model), dict(options)

    @cached_property
    def tokens(self) -> SourceTokens:
        """Return the tokens of all sources, embedded when they are first needed."""
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
        """Return the token ids `[n]` of each text, their vectors `[n, width]` and offsets `[n, 2]`; no special ones."""
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
    """Return what is read before every sentence: the title, cut to what leaves room for a sentence."""
    offsets = tokenizer(without_surrogates(document.title), add_special_tokens=False, return_offsets_mapping=True)
    ends = [end for _, end in offsets["offset_mapping"]][:_TITLE_TOKENS]
    return f"{without_surrogates(document.title)[: ends[-1]]}. " if ends else ""
