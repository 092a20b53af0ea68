"""What every method of localisation is given and gives back. Only this file is known to the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..documents import Document, SourceSpan
from ..text.markers import Range
from .attributions import Kind, Searched


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Args:
        start: First code point of the words in the answer.
        end: One past the last.
        parts: The ranges of the answer whose words make the claim: the words themselves without citation markers, and
            what the claim took from elsewhere in the answer.
        claim: The words, understandable alone.
    """

    start: int
    end: int
    parts: tuple[Range, ...]
    claim: str


@dataclass(frozen=True)
class Proposal:
    """Where a method would look for the support of a query.

    Args:
        candidates: Places in the sources, best first, with the method's own scores.
        searched: What the method looked through.
        notes: What a reader has to know of how they were found.
        failure: Why there are none, where the method could not do its work.
        own: How many of the candidates, from the first on, are the method's own answer where nobody checks them; the
            others are only worth checking. `None` for all.
    """

    candidates: tuple[SourceSpan, ...]
    searched: tuple[Searched, ...]
    notes: tuple[str, ...] = ()
    failure: str | None = None
    own: int | None = None


class Method(Protocol):
    """A method with one answer and its documents; whatever many queries share is computed once.

    Attributes:
        name: By which it is asked for.
        kind: Which question it answers.
    """

    name: str
    kind: Kind

    def propose(self, query: Query) -> Proposal:
        """Where to look. Does not raise for a query that it cannot serve: the proposal says why."""
        ...


def whole(documents: Sequence[Document]) -> tuple[Searched, ...]:
    """All of all documents that hold a word."""
    return tuple(Searched(d.id, 0, len(d.text)) for d in documents if d.text.strip())
