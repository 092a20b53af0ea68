"""The check that every method's candidates go through: what supports the claim, and how little of it still does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..documents import Document, SourceSpan
from ..entailment.batching import Steps
from ..scoring.quotes import MAX_SENTENCES
from ..scoring.results import contradicts, surer
from ..text.statements import Status
from .accounts import accounts_of
from .asking import Judged, Question, best_of
from .attributions import Candidate
from .spans import Place, run, span, touched

MAX_PLACES = 64
"""How many sentences are asked for at most, the first that candidates touch: some candidates are whole documents."""

MAX_TRIED = 3
"""How many of them are tried together with their neighbours and with each other where none supports alone."""

SLACK = 0.15
"""How much of its probability a sentence may lose where a part of it stands for the whole; chosen on the examples."""


@dataclass(frozen=True)
class Outcome:
    """What the check found.

    Args:
        status: Of the claim.
        probability: That `spans` together support it, or the best that anything had.
        spans: The words that support it; none where nothing does.
        candidates: What became of each candidate.
        notes: What a reader has to know.
        failure: Why there is no verdict.
    """

    status: Status
    probability: float | None
    spans: tuple[SourceSpan, ...]
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()
    failure: str | None = None


def verified(
    claim: str,
    candidates: Sequence[SourceSpan],
    documents: Sequence[Document],
    threshold: float,
    *,
    words: str | None = None,
    slack: float = SLACK,
) -> Steps[Outcome]:
    """The shortest words near the candidates that support `claim`.

    1. The sentences that the candidates touch are judged, each alone under its document's title.
    2. Where none supports, the clauses of the most probable one are, then runs of two and of three sentences around the
       most probable ones, then pairs of these from different places, which a claim with two sources needs. A sentence
       that contradicts the claim is in no pair, and a pair has to support it the more surely the more was tried before.
    3. What supports is cut into clauses and phrases, and the shortest run of them that still supports, and is hardly
       less probable than the whole, is taken.

    Nothing supports the claim that has not its numbers and names; see
    :mod:`~counterfoil.attribution.locating.exactness`.

    Args:
        claim: What is to be supported.
        candidates: Where a method would look, best first.
        documents: The sources.
        threshold: From which probability on it counts as support.
        words: Whose numbers and names have to be there; `None` for the claim's. Empty asks for none.
        slack: How much of its probability a sentence may lose where a part of it stands for the whole.

    Returns:
        The outcome: `supported` with spans; `contradicted` or `not_supported` without; `not_checked` where the model
        failed on everything.
    """
    by_id = {document.id: document for document in documents}
    question = Question(claim, claim if words is None else words, by_id, threshold, candidates)
    places = _places(candidates, by_id)
    singles = yield from question.ask([(place,) for place in places])
    judged = [one for one in singles if one.judgement.supported is not None]
    if not judged:
        failure = next((one.judgement.failure for one in singles), None)
        status = Status.NOT_CHECKED if failure else Status.NOT_SUPPORTED
        return Outcome(status, None, (), accounts_of(candidates, by_id, singles, (), threshold), failure=failure)
    best = best_of(judged)
    if not best.supports(threshold):
        larger = yield from _otherwise(judged, question)
        best = larger or best
    if not best.supports(threshold):
        status = Status.CONTRADICTED if contradicts(best.judgement) else Status.NOT_SUPPORTED
        accounts = accounts_of(candidates, by_id, singles, (), threshold)
        gone = ", ".join(map(repr, best.missing))
        notes = (f"nothing that may support the claim has {gone}",) if gone else ()
        return Outcome(status, best.judgement.supported, (), accounts, notes)
    small = yield from _shrunk(best, question, slack)
    alone = yield from question.ask([(place,) for place in small.places])
    spans = tuple(span(one.places[0], by_id, one.judgement.supported) for one in alone)
    accounts = accounts_of(candidates, by_id, singles, best.places, threshold)
    return Outcome(Status.SUPPORTED, small.judgement.supported, spans, accounts)


def _places(candidates: Sequence[SourceSpan], documents: Mapping[str, Document]) -> list[Place]:
    """The sentences that the candidates touch, those of the best candidate first."""
    found: dict[Place, None] = {}
    for candidate in candidates:
        document = documents[candidate.document]
        for number in touched(document, candidate.start, candidate.end):
            place = run(document, number, 1)
            if place is not None:
                found.setdefault(place)
    return list(found)[:MAX_PLACES]


def _otherwise(judged: Sequence[Judged], question: Question) -> Steps[Judged | None]:
    """What supports where no sentence does: a clause, two neighbours, three, two apart; `None` where nothing does."""
    likely = sorted(judged, key=lambda one: one.rank, reverse=True)[:MAX_TRIED]
    tops = [one.places[0] for one in likely]
    clauses = question.shorter(tops[0])
    runs = [list(_runs(tops, size, question.documents)) for size in range(2, MAX_SENTENCES + 1)]
    willing = [one.places[0] for one in likely if not contradicts(one.judgement)]
    apart = [tuple(sorted(two)) for two in itertools.combinations(willing, 2)]
    tried = len(judged)
    for sets in [clauses, *runs, apart]:
        found = yield from question.ask(sets)
        tried += len(found)
        least = surer(question.threshold, tried) if sets is apart else question.threshold
        if found and best_of(found).supports(least):
            return best_of(found)
    return None


def _runs(tops: Sequence[Place], size: int, documents: Mapping[str, Document]) -> dict[tuple[Place, ...], None]:
    found: dict[tuple[Place, ...], None] = {}
    for place in tops:
        document = documents[place.document]
        (number,) = touched(document, place.start, place.end)
        for first in range(number - size + 1, number + 1):
            larger = run(document, first, size)
            if larger is not None:
                found[(larger,)] = None
    return found


def _shrunk(best: Judged, question: Question, slack: float) -> Steps[Judged]:
    """The places cut down one after the other, each as far as all of them together still support the claim."""
    current = best
    least = max(question.threshold, best.probability - slack)
    for number, place in enumerate(best.places):
        before, behind = current.places[:number], current.places[number + 1 :]
        found = yield from question.ask([(*before, *one, *behind) for one in question.shorter(place)])
        enough = [one for one in found if one.supports(least)]
        if enough:
            current = min(enough, key=lambda one: (_length(one), -one.probability))
    return current


def _length(judged: Judged) -> int:
    return sum(place.end - place.start for place in judged.places)
