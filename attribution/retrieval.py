"""Retrieval: documents cut into passages, and the passages that are nearest in meaning to a question."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .documents import Document
from .text.segmentation import TextSpan, sentences

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerBase

PASSAGE_TOKENS = 90
"""Length of a passage: small enough that several fit the context of a small model, and that each has one subject."""

Progress = Callable[[int, int], None]
"""Called with how many passages are embedded and how many there are."""

_BATCH = 32
# Tokens of the title that the model may read before the passage, and of the special tokens around both.
_TITLE_TOKENS, _SPECIAL_TOKENS = 32, 8


@dataclass(frozen=True)
class Passage:
    """`document.text[start:end]`: what is retrieved and what a language model reads.

    Args:
        document: The document that it stands in.
        start: First code point of the passage in the document's text.
        end: One past its last.
        score: Cosine similarity to the question, in [-1, 1]; `None` before retrieval.
    """

    document: Document
    start: int
    end: int
    score: float | None = None

    @property
    def text(self) -> str:
        """Return the passage as it stands in the document."""
        return self.document.text[self.start : self.end]


def passages(document: Document, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Passage]:
    """Cut `document` at sentence ends.

    Args:
        document: The document.
        tokenizer: A fast tokenizer: it says where each token stands in the text.
        max_tokens: The longest passage, at least 1. A sentence that is longer by itself is cut between two tokens.

    Returns:
        Passages in order, without overlap, that together hold every character but white space between them.

    Raises:
        ValueError: For `max_tokens` below 1.
    """
    if max_tokens < 1:
        raise ValueError(f"`max_tokens` has to be at least 1, but is {max_tokens}")
    found: list[Passage] = []
    length = 0
    for piece in sentences(document.text):
        for start, end, n_tokens in fitting(piece, tokenizer, max_tokens):
            if found and length + n_tokens <= max_tokens:
                found[-1] = Passage(document, found[-1].start, end)
                length += n_tokens
            else:
                found.append(Passage(document, start, end))
                length = n_tokens
    return found


def fitting(sentence: TextSpan, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and number of tokens of the sentence, or of its parts if it is too long by itself."""
    encoded = tokenizer(
        sentence.text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
    )
    begins = [begin for begin, _ in encoded["offset_mapping"]]
    cuts = [0, *begins[max_tokens::max_tokens], len(sentence.text)]
    for n, (begin, end) in enumerate(itertools.pairwise(cuts)):
        if begin < end:
            n_tokens = min(max_tokens, len(begins) - n * max_tokens)
            yield sentence.start + begin, sentence.start + end, n_tokens


def retrieve(
    question: str,
    documents: Sequence[Document],
    *,
    model: SentenceTransformer,
    top_k: int = 4,
    max_tokens: int = PASSAGE_TOKENS,
    relative_cut: float = 0.5,
    progress: Progress | None = None,
) -> list[Passage]:
    """Return the at most `top_k` passages of `documents` whose embeddings are most similar to that of `question`.

    Passages that are far less similar than the best one are left out: k passages are always the nearest, however far
    away they are, and a small model mixes up what it reads.

    Documents of any length are cut into passages that fit the model's window, so that nothing is read only in part.
    Each passage is embedded behind its document's title, which often names what the passage only calls "it".

    Args:
        question: The question.
        documents: The documents to search.
        model: A sentence-transformers model, see :func:`counterfoil.models.load_embedding_model`.
        top_k: How many passages, at least 1; fewer come back if there are fewer.
        max_tokens: Length of a passage in tokens of the model; at most what its window leaves.
        relative_cut: Share in [0, 1] of the best passage's similarity that another one needs; 0 cuts nothing.
        progress: Called with how many passages are embedded and how many there are.

    Returns:
        Passages with their cosine similarity, the most similar first; equals stay in the order of the documents.

    Raises:
        ValueError: For an empty question, for `top_k` or `max_tokens` below 1, or a `relative_cut` outside [0, 1].
    """
    if not question.strip():
        raise ValueError("`question` has to hold a word, but is empty")
    for name, value in (("top_k", top_k), ("max_tokens", max_tokens)):
        if value < 1:
            raise ValueError(f"`{name}` has to be at least 1, but is {value}")
    if not 0.0 <= relative_cut <= 1.0:
        raise ValueError(f"`relative_cut` has to be in [0, 1], but is {relative_cut}")
    window = (model.max_seq_length or max_tokens + _TITLE_TOKENS + _SPECIAL_TOKENS) - _TITLE_TOKENS - _SPECIAL_TOKENS
    length = max(1, min(max_tokens, window))
    found = [passage for document in documents for passage in passages(document, model.tokenizer, length)]
    scored = _scored(question, found, model, progress)
    nearest = sorted(scored, key=lambda passage: -(passage.score or 0.0))[:top_k]
    least = relative_cut * max(nearest[0].score or 0.0, 0.0) if nearest and relative_cut else -1.0
    return [passage for n, passage in enumerate(nearest) if n == 0 or (passage.score or 0.0) >= least]


def _scored(
    question: str, found: Sequence[Passage], model: SentenceTransformer, progress: Progress | None
) -> list[Passage]:
    options: dict[str, Any] = {"normalize_embeddings": True, "show_progress_bar": False, "convert_to_numpy": True}
    asked = model.encode_query(question, **options)
    scored: list[Passage] = []
    for first in range(0, len(found), _BATCH):
        batch = found[first : first + _BATCH]
        embedded = model.encode_document([_titled(passage, model) for passage in batch], **options)
        similar = (embedded @ asked).clip(-1.0, 1.0).tolist()
        scored += [replace(passage, score=score) for passage, score in zip(batch, similar, strict=True)]
        if progress is not None:
            progress(len(scored), len(found))
    return scored


def _titled(passage: Passage, model: SentenceTransformer) -> str:
    title = passage.document.title
    if not title or passage.text.lstrip("# ").startswith(title):
        return passage.text
    ids = model.tokenizer(title, add_special_tokens=False)["input_ids"][:_TITLE_TOKENS]
    return f"{model.tokenizer.decode(ids)}\n{passage.text}"
