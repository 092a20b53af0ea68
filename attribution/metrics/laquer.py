"""Figures of localisation (LAQuer): does what was found support the claim, how long is it, is it where it should be?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..documents import Document, SourceRange
from ..entailment import Pair
from ..entailment.batching import Steps
from ..entailment.thresholds import supports
from ..locating.spans import premise_of


class Spanning(Protocol):
    """Anything that stands at `[start, end)` of a document."""

    @property
    def document(self) -> str:
        """Id of the document."""
        ...

    @property
    def start(self) -> int:
        """First code point."""
        ...

    @property
    def end(self) -> int:
        """One past the last."""
        ...


@dataclass(frozen=True)
class Overlap:
    """How the characters of some spans and of the gold spans of one fact agree, each in [0, 1].

    Args:
        precision: Share of the found characters that are gold; 0 where nothing was found.
        recall: Share of the gold characters that were found.
        f1: Their harmonic mean.
        iou: Characters in both over characters in either.
    """

    precision: float
    recall: float
    f1: float
    iou: float


def overlap(found: Iterable[Spanning], gold: Iterable[Spanning]) -> Overlap:
    """Agreement in characters, those of all documents together; a character counts once however many spans hold it.

    Raises:
        ValueError: Without a gold character: agreement with nothing has no figure.
    """
    mine, theirs = _characters(found), _characters(gold)
    if not theirs:
        raise ValueError("`gold` has to hold a character, but is empty")
    both = len(mine & theirs)
    precision, recall = both / len(mine) if mine else 0.0, both / len(theirs)
    f1 = 2 * both / (len(mine) + len(theirs))
    return Overlap(precision, recall, f1, both / len(mine | theirs))


def length(spans: Iterable[Spanning]) -> int:
    """Characters of some spans, each counted once."""
    return len(_characters(spans))


def entailed(
    claim: str, spans: Sequence[Spanning], documents: Mapping[str, Document], threshold: float
) -> Steps[bool | None]:
    """AutoAIS of one fact over its spans: do they, read as one premise, support the claim?

    The spans of a document are joined in order, each with a full stop where it has none, under the document's title;
    the documents follow each other. LAQuer's own scorer does the same without titles.

    Returns:
        `False` where there is no span; `None` where the model gave no verdict.
    """
    places = [SourceRange(span.document, span.start, span.end) for span in spans]
    shown = premise_of(places, documents)
    if not shown.strip():
        return False
    (judgement,) = yield [Pair(shown, claim)]
    return None if judgement.supported is None else supports(judgement, threshold)


def _characters(spans: Iterable[Spanning]) -> set[tuple[str, int]]:
    return {(span.document, place) for span in spans for place in range(span.start, span.end)}
