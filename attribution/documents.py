"""What is cited: a document, and a span of its text.

Offsets are half-open and count Unicode code points (what `str` slicing counts), never bytes, UTF-16 units or tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Document:
    """One source text.

    Args:
        id: Name by which citations refer to it; unique within one call.
        text: The whole text, unchanged: every offset of the library indexes into it.
        title: Optional heading; never part of `text`.
        metadata: Free for the caller (a path, a page, a URL); the library copies it through.
    """

    id: str
    text: str
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True)
class SourceSpan:
    """`document.text[start:end] == quote`, checked when made by :meth:`of`.

    Args:
        document: The id of the document.
        start: First code point of the span.
        end: One past the last code point.
        quote: The text between them.
        score: How strongly it supports what it is cited for, in [0, 1]; `None` where nothing was measured.
    """

    document: str
    start: int
    end: int
    quote: str
    score: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end or len(self.quote) != self.end - self.start:
            raise ValueError(
                f"`start` and `end` have to span the quote of {len(self.quote)} characters, "
                f"but are {self.start} and {self.end}"
            )

    @classmethod
    def of(cls, document: Document, start: int, end: int, score: float | None = None) -> SourceSpan:
        """The span `[start, end)` of `document`; a `ValueError` where it reaches outside the text."""
        if not 0 <= start <= end <= len(document.text):
            raise ValueError(
                f"`start` and `end` have to lie within the {len(document.text)} characters of document "
                f"{document.id!r}, but are {start} and {end}"
            )
        return cls(document.id, start, end, document.text[start:end], score)
