"""What was read of a document, as a document of its own, and the way back to the places in the whole text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from counterfoil.attribution.detail_check import Detail
from counterfoil.attribution.documents import Document
from counterfoil.attribution.retrieval import Passage
from counterfoil.attribution.scoring.results import Citation

_GAP = "\n\n"


@dataclass(frozen=True)
class Excerpt:
    """The passages of one document that were read.

    Args:
        document: The whole document.
        ranges: Where they stand in it: in order, without overlap.
    """

    document: Document
    ranges: tuple[tuple[int, int], ...]

    @property
    def read(self) -> Document:
        """Return a document of the same id with these passages alone, a paragraph each, with a gap between them."""
        texts = [self.document.text[start:end] for start, end in self.ranges]
        ends = itertools.accumulate(len(text) + len(_GAP) for text in texts[:-1])
        return replace(self.document, text=_GAP.join(texts), gaps=tuple(end - 1 for end in ends), pages=())

    def located(self, citation: Citation) -> Citation:
        """Return a citation of :attr:`read` with the place and the quote that it has in the whole document."""
        if not citation.quote:
            return citation
        start, end = self._place(citation.start), self._place(citation.end - 1) + 1
        return replace(citation, start=start, end=end, quote=self.document.text[start:end])

    def detailed(self, detail: Detail) -> Detail:
        """Return a detail of :attr:`read` with the place that its words have in the whole document."""
        start = self._place(detail.source_start)
        return replace(detail, source_start=start, source_end=start + len(detail.source))

    def _place(self, position: int) -> int:
        """Return where a character of :attr:`read` stands in the document; one of a gap stands at the end before it."""
        for start, end in self.ranges:
            if position < end - start:
                return start + max(position, 0)
            position -= end - start + len(_GAP)
        return self.ranges[-1][1] - 1


def excerpts(passages: Sequence[Passage]) -> list[Excerpt]:
    """Return one excerpt a document, in the order in which the documents first occur.

    Args:
        passages: What was read. Neighbours with nothing but white space between them become one paragraph.
    """
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document.id, []).append(passage)
    return [Excerpt(found[0].document, _joined(found)) for found in by_document.values()]


def _joined(passages: Sequence[Passage]) -> tuple[tuple[int, int], ...]:
    ranges: list[tuple[int, int]] = []
    for passage in sorted(passages, key=lambda passage: (passage.start, passage.end)):
        if ranges and not passage.document.text[ranges[-1][1] : passage.start].strip():
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], passage.end))
        else:
            ranges.append((passage.start, passage.end))
    return tuple(ranges)
