"""What a causal model reads: the documents, the question and the answer, in pieces that say where each token stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..documents import Document
from ..retrieval import Passage, passages
from ..text.markers import Range
from ..text.segmentation import without_surrogates

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel

LEAST_ROOM = 64
"""Fewer tokens of a document than this beside the answer are no context."""


@dataclass(frozen=True)
class Piece:
    """Tokens of one stretch of text.

    Args:
        ids: Their numbers.
        places: Where each stands, in the document's text or in the answer's; of other texts it is of no meaning.
        role: `"title"`, `"text"`, `"answer"` or `"other"`.
        document: Which of the documents a title or text is of; -1 for the others.
    """

    ids: tuple[int, ...]
    places: tuple[Range, ...]
    role: str
    document: int = -1


class TooLongError(ValueError):
    """The answer and the question leave no room for a document."""


class Prompts:
    """The pieces of one answer's prompts.

    Plain text, the same for every model: the title and the text of each document, the question, the answer. The tokens
    of each piece are found by themselves, so that a document can be left out and nothing else changes.

    Args:
        answer: The answer.
        documents: The sources.
        question: What was asked, if that is known.
        language: The model with its tokenizer.
    """

    def __init__(
        self, answer: str, documents: Sequence[Document], question: str | None, language: LanguageModel
    ) -> None:
        self.documents = documents
        self._tokenizer = cast("Any", language.tokenizer)
        config = language.model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or 2048)
        begin = [self._tokenizer.bos_token_id] if self._tokenizer.bos_token_id is not None else []
        self.begin = Piece(tuple(begin), tuple((0, 0) for _ in begin), "other")
        asked = f"Question: {question}\nAnswer: " if question else "Answer: "
        self.asked = self._piece(asked, "other")
        self.answer = self._piece(answer, "answer")

    def titled(self, number: int) -> Piece:
        """Return the title of a document, with which each stretch of it begins."""
        title = self.documents[number].title.strip()
        return self._piece(f"{title}\n\n" if title else "", "title", number)

    def text(self, number: int, start: int, end: int) -> Piece:
        """Return a stretch of a document's text, with places in the whole."""
        piece = self._piece(self.documents[number].text[start:end], "text", number)
        return Piece(piece.ids, tuple((a + start, b + start) for a, b in piece.places), "text", number)

    def gap(self) -> Piece:
        """Return what stands between two stretches."""
        return self._piece("\n\n", "other")

    def windows(self, size: int) -> Iterator[list[Piece]]:
        """Yield prompts of about `size` tokens that together hold all documents, each with question and answer.

        A window that is too small for the answer is as large as the answer needs.

        Documents are cut at sentence ends, and follow each other in one prompt while they fit.

        Raises:
            TooLongError: If the answer leaves no room in the model's context.
        """
        around = len(self.answer.ids) + len(self.asked.ids) + len(self.begin.ids)
        room = min(max(size, 2 * len(self.answer.ids), around + 2 * LEAST_ROOM), self.context) - around
        if room < LEAST_ROOM:
            raise TooLongError(
                f"the answer has {len(self.answer.ids)} tokens and leaves no room for a document in the model's "
                f"context, which is {self.context}"
            )
        window: list[Piece] = []
        used = 0
        for number, passage in self._passages(room):
            text, title, gap = self.text(number, passage.start, passage.end), self.titled(number), self.gap()
            follows = bool(window) and window[-2].document == number
            length = len(text.ids) + len(gap.ids) + (0 if follows else len(title.ids))
            if window and used + length > room:
                yield [self.begin, *window, self.asked, self.answer]
                window, used, follows = [], 0, False
            window += [text, gap] if follows else [title, text, gap]
            used += length
        if window:
            yield [self.begin, *window, self.asked, self.answer]

    def _passages(self, room: int) -> Iterator[tuple[int, Passage]]:
        # A little less than the room: neighbouring tokens may merge differently when the sentences are read together.
        for number, document in enumerate(self.documents):
            head = len(self.titled(number).ids) + 8
            for passage in passages(document, self._tokenizer, max(room - head, LEAST_ROOM // 2)):
                yield number, passage

    def _piece(self, text: str, role: str, document: int = -1) -> Piece:
        encoded = self._tokenizer(
            without_surrogates(text), add_special_tokens=False, return_offsets_mapping=True, truncation=False,
            verbose=False,
        )  # fmt: skip
        return Piece(tuple(encoded["input_ids"]), tuple(encoded["offset_mapping"]), role, document)


def joined(pieces: Sequence[Piece]) -> tuple[list[int], list[Range]]:
    """Return the tokens of all pieces in a row, and the range of each piece among them."""
    ids: list[int] = []
    ranges = []
    for piece in pieces:
        ranges.append((len(ids), len(ids) + len(piece.ids)))
        ids += piece.ids
    return ids, ranges
