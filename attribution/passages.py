"""Documents cut into passages: runs of whole sentences that fit a window of tokens, none of the text left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .documents import Document
from .text.segmentation import TextSpan, sentences

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Passage:
    """`document.text[start:end]`, which is what is retrieved and what a language model reads.

    Args:
        document: Where it stands.
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
        """The passage as it stands in the document."""
        return self.document.text[self.start : self.end]


def passages(document: Document, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[Passage]:
    """Cuts `document` at sentence ends.

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
    """The sentence, or its parts where it is too long by itself: start, end, number of tokens; none of it left out."""
    encoded = tokenizer(
        sentence.text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
    )
    begins = [begin for begin, _ in encoded["offset_mapping"]]
    cuts = [0, *begins[max_tokens::max_tokens], len(sentence.text)]
    for n, (begin, end) in enumerate(itertools.pairwise(cuts)):
        if begin < end:
            n_tokens = min(max_tokens, len(begins) - n * max_tokens)
            yield sentence.start + begin, sentence.start + end, n_tokens
