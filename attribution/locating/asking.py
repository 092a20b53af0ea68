"""Places put to the entailment model, and what it said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..documents import Document, SourceSpan
from ..entailment import Judgement, Pair
from ..entailment.batching import Steps
from ..scoring.results import supports
from .exactness import missing
from .shrinking import shorter
from .spans import Place, premise


@dataclass(frozen=True)
class Judged:
    """Some places, read as one premise, with what the model said of them.

    Args:
        places: The places.
        judgement: Of the premise that they make.
        missing: Numbers and names that the premise has not, and should have.
    """

    places: tuple[Place, ...]
    judgement: Judgement
    missing: tuple[str, ...] = ()

    @property
    def probability(self) -> float:
        """That they support the claim; 0 where the model gave no verdict."""
        return self.judgement.supported or 0.0

    @property
    def rank(self) -> tuple[bool, float]:
        """What makes one better than another."""
        return (not self.missing, self.probability)

    def supports(self, least: float) -> bool:
        """Whether they have all that is asked for, and the probability."""
        return not self.missing and supports(self.judgement, least)


@dataclass(frozen=True)
class Question:
    """What is asked of places, whichever they are.

    Args:
        claim: What is to be supported.
        words: Whose numbers and names have to be there.
        documents: The sources by id.
        threshold: From which probability on it counts as support.
        candidates: Where the method found the claim.
    """

    claim: str
    words: str
    documents: Mapping[str, Document]
    threshold: float
    candidates: Sequence[SourceSpan]

    def shorter(self, place: Place) -> list[tuple[Place]]:
        """The runs within a place, cut where the method found the claim."""
        inside = [c for c in self.candidates if c.document == place.document and place.start <= c.start < place.end]
        focus = (inside[0].start + inside[0].end) // 2 if inside else None
        return [(run,) for run in shorter(self.documents[place.document], place, focus)]

    def ask(self, sets: Sequence[tuple[Place, ...]]) -> Steps[list[Judged]]:
        """One verdict a set of places, in order."""
        if not sets:
            return []
        premises = [premise(some, self.documents) for some in sets]
        judgements = yield [Pair(shown, self.claim) for shown in premises]
        return [
            Judged(some, judgement, tuple(missing(self.words, shown)))
            for some, shown, judgement in zip(sets, premises, judgements, strict=True)
        ]


def best_of(judged: Sequence[Judged]) -> Judged:
    """The most probable of those that miss nothing, the first of equals."""
    return max(judged, key=lambda one: one.rank)
