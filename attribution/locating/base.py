"""Interface of locating methods: what each is given and returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ..documents import Document, SourceRange, SourceSpan
from ..text.markers import Range
from .results import Kind


@dataclass(frozen=True)
class Query:
    """What a method is asked to locate.

    Args:
        ranges: The words in the answer, in order, without overlap.
        parts: The ranges of the answer whose words make the claim: the words themselves without citation markers, and
            what the claim took from elsewhere in the answer.
        claim: The words, decontextualized.
    """

    ranges: tuple[Range, ...]
    parts: tuple[Range, ...]
    claim: str


@dataclass(frozen=True)
class Proposal:
    """Where a method would look for the support of a query.

    Args:
        candidates: Places in the sources, best first, with the method's own scores.
        searched: What the method looked through.
        notes: What a reader must know of how they were found.
        failure: Why there are none, if the method could not do its work.
        n_own: How many of the candidates, from the first on, are the method's own answer if nothing is verified; the
            others are only worth checking. `None` for all.
    """

    candidates: tuple[SourceSpan, ...]
    searched: tuple[SourceRange, ...]
    notes: tuple[str, ...] = ()
    failure: str | None = None
    n_own: int | None = None


class LocatingMethod(Protocol):
    """A method with one answer and its documents; whatever many queries share is computed once.

    A method that is registered under a name is a class that is called as `Class(answer, documents, question=...,
    model=..., **options)`; :class:`BaseMethod` is such a class.

    Attributes:
        name: By which it is asked for.
        kind: Which question it answers.
    """

    @property
    def name(self) -> str:
        """Return the name by which it is asked for."""
        ...

    @property
    def kind(self) -> Kind:
        """Return which question it answers."""
        ...

    def propose(self, query: Query) -> Proposal:
        """Return where to look. Does not raise for a query that it cannot serve: the proposal says why."""
        ...


class BaseMethod(ABC):
    """What the built-in methods have in common: an answer, its sources, and no work without a word of source.

    Args:
        answer: The answer.
        documents: The sources.
        question: What was asked, if that is known.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]

    def __init__(self, answer: str, documents: Sequence[Document], question: str | None = None) -> None:
        self.answer, self.documents, self.question = answer, documents, question

    def propose(self, query: Query) -> Proposal:
        """Return where to look; no candidates if no document holds a word."""
        if not any(document.text.strip() for document in self.documents):
            return Proposal((), ())
        return self._propose(query)

    @abstractmethod
    def _propose(self, query: Query) -> Proposal:
        """Return where to look, given that some document holds a word."""

    @classmethod
    def load_model(cls, model: str | None, options: Mapping[str, object]) -> tuple[object, dict[str, Any]]:
        """Load what the method runs on, to be shared by many answers.

        Args:
            model: Name of the model; `None` for the method's default.
            options: Of the method; those that are used up by loading are not returned.

        Returns:
            What to hand over as `model`, and the options left.
        """
        return model, dict(options)


def at_least(least: int, **values: int) -> None:
    """Reject values below `least`, by their names."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"`{name}` has to be at least {least}, but is {value}")


def everything(documents: Sequence[Document]) -> tuple[SourceRange, ...]:
    """Return all of all documents that hold a word."""
    return tuple(SourceRange(d.id, 0, len(d.text)) for d in documents if d.text.strip())
