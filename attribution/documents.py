"""Documents, and spans of their text.

Offsets are half-open and count Unicode code points (what `str` slicing counts), never bytes, UTF-16 units or tokens.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from .serialization import STRICT, Text


@dataclass(frozen=True)
class Document:
    """One source text.

    Args:
        id: Name by which citations refer to it; unique within one call.
        text: The whole text, unchanged: every offset of the library indexes into it.
        title: Optional heading; never part of `text`.
        metadata: Free for the caller (a path, a page, a URL); kept, but not written to JSON.
        gaps: Offsets at which something of the original is left out, if `text` is only a part of it; no passage that is
            quoted reaches across one. Not written to JSON.
        pages: Where in the text each page begins; empty if the text has no pages.
    """

    __pydantic_config__ = STRICT

    id: Text
    text: Text
    title: Text = ""
    metadata: Annotated[dict[str, str], Field(exclude=True)] = field(default_factory=dict, hash=False, compare=False)
    gaps: Annotated[tuple[int, ...], Field(exclude=True)] = field(default=(), hash=False, compare=False)
    pages: tuple[int, ...] = ()

    def pages_of(self, start: int, end: int) -> str:
        """Return the pages that `[start, end)` of the text stands on: `p. 3`, `pp. 3-4`, or nothing without pages."""
        first = bisect_right(self.pages, start)
        last = bisect_right(self.pages, max(start, end - 1))
        return "" if not first else f"p. {first}" if first == last else f"pp. {first}-{last}"


@dataclass(frozen=True, order=True)
class SourceRange:
    """`[start, end)` of the text of one document, in code points."""

    __pydantic_config__ = STRICT

    document: Text
    start: int
    end: int


@dataclass(frozen=True)
class SourceSpan:
    """`document.text[start:end] == quote`, checked when made by :meth:`of`.

    Args:
        document: The id of the document.
        start: First code point of the span.
        end: One past the last code point.
        quote: The text between them.
        score: How strongly it supports what it is cited for, in [0, 1]; `None` if not measured.
    """

    __pydantic_config__ = STRICT

    document: Text
    start: int
    end: int
    quote: Text
    score: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end or len(self.quote) != self.end - self.start:
            raise ValueError(
                f"`start` and `end` have to span the quote of {len(self.quote)} characters, "
                f"but are {self.start} and {self.end}"
            )

    @classmethod
    def of(cls, document: Document, start: int, end: int, score: float | None = None) -> SourceSpan:
        """Return the span `[start, end)` of `document`.

        Raises:
            ValueError: If it reaches outside the text.
        """
        if not 0 <= start <= end <= len(document.text):
            raise ValueError(
                f"`start` and `end` have to lie within the {len(document.text)} characters of document "
                f"{document.id!r}, but are {start} and {end}"
            )
        return cls(document.id, start, end, document.text[start:end], score)


def as_documents(documents: Iterable[Document | str]) -> list[Document]:
    """Return a list of documents with different ids.

    Args:
        documents: Documents, or plain strings, which become documents with their number (from 1) as id.

    Raises:
        TypeError: If `documents` is a single string or document, a mapping, or holds something else.
        ValueError: If two documents have one id.
    """
    if isinstance(documents, str | bytes | Document | Mapping) or not isinstance(documents, Iterable):
        raise TypeError(
            f"`documents` has to be a sequence of documents or strings, but is {_kind(documents)}; "
            "put a single document into a list"
        )
    found: dict[str, Document] = {}
    for number, each in enumerate(documents, start=1):
        if not isinstance(each, Document | str):
            raise TypeError(f"`documents` has to hold documents or strings, but element {number} is {_kind(each)}")
        document = Document(str(number), each) if isinstance(each, str) else each
        if document.id in found:
            raise ValueError(f"`documents` have to have different ids, but two are called {document.id!r}")
        found[document.id] = document
    return list(found.values())


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
