"""The check that every method's candidates go through: what supports the claim, and how little of it still does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..detail_check.findings import Detail
from ..documents import Document, SourceRange, SourceSpan
from ..entailment import Judgement, Pair
from ..entailment.base import bonferroni_threshold, contradicts, supports
from ..entailment.batching import Steps
from ..text.statements import Status
from .results import Candidate
from .spans import premise_of, sentence_run, sentences_touched, shorter, span_of

MAX_SENTENCES = 64
"""How many sentences are judged at most, the first that candidates touch: some candidates are whole documents."""

MAX_RUN = 3
"""The longest run of neighbouring sentences that is tried if none supports alone."""

MAX_TRIED = 3
"""How many sentences are tried together with their neighbours and with each other if none supports alone."""

SLACK = 0.15
"""How much of its probability a sentence may lose if a part of it stands for the whole; chosen on the examples."""

Ranges = tuple[SourceRange, ...]


@dataclass(frozen=True)
class Verification:
    """What the check found.

    Args:
        status: Of the claim.
        probability: That `spans` together support it, or the best that anything had.
        spans: The words that support it; none if nothing does.
        candidates: What became of each candidate.
        failure: Why there is no verdict.
        contradicted: That the candidates contradict it: of the one that decided the status, if nothing supports it.
        details: What the words that decided the status give otherwise than the claim; places are those in the claim.
    """

    status: Status
    probability: float | None
    spans: tuple[SourceSpan, ...]
    candidates: tuple[Candidate, ...]
    failure: str | None = None
    contradicted: float | None = None
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Judged:
    """Some ranges, read as one premise, with what the model said of them.

    Args:
        ranges: The ranges.
        judgement: Of the premise that they make.
    """

    ranges: Ranges
    judgement: Judgement

    @property
    def probability(self) -> float:
        """Return the probability that they support the claim; 0 if the model gave no verdict."""
        return self.judgement.supported or 0.0

    @property
    def length(self) -> int:
        """Return the number of characters of all ranges together."""
        return sum(one.end - one.start for one in self.ranges)

    def supports(self, threshold: float) -> bool:
        """Tell whether they support the claim."""
        return supports(self.judgement, threshold)


@dataclass(frozen=True)
class _Check:
    """What is asked of ranges, whichever they are.

    Args:
        claim: What is to be supported.
        documents: The sources by id.
        threshold: From which probability on it counts as support.
        candidates: Where the method found the claim.
    """

    claim: str
    documents: Mapping[str, Document]
    threshold: float
    candidates: Sequence[SourceSpan]

    def judge(self, sets: Sequence[Ranges]) -> Steps[list[Judged]]:
        """Return one verdict a set of ranges, in order."""
        if not sets:
            return []
        premises = [premise_of(some, self.documents) for some in sets]
        judgements = yield [Pair(premise, self.claim) for premise in premises]
        return [Judged(some, judgement) for some, judgement in zip(sets, judgements, strict=True)]

    def details(self, judged: Judged) -> tuple[Detail, ...]:
        """Return what the detail check found in some ranges, with places in the claim and in the documents."""
        found = []
        for each in judged.judgement.details:
            detail = Detail(each.kind, each.message, each.answer_start, each.answer_end, source=each.source)
            for one in judged.ranges if each.source else ():
                start = self.documents[one.document].text.find(each.source, one.start, one.end)
                if start >= 0:
                    end = start + len(each.source)
                    detail = replace(detail, document=one.document, source_start=start, source_end=end)
                    break
            found.append(detail)
        return tuple(found)

    def shorter(self, place: SourceRange) -> list[Ranges]:
        """Return the runs within a range, cut where the method found the claim."""
        inside = [c for c in self.candidates if c.document == place.document and place.start <= c.start < place.end]
        focus = (inside[0].start + inside[0].end) // 2 if inside else None
        return [(run,) for run in shorter(self.documents[place.document], place, focus)]

    def sentences(self, candidate: SourceSpan) -> list[SourceRange]:
        """Return the sentences that a candidate touches."""
        document = self.documents[candidate.document]
        runs = [sentence_run(document, n, 1) for n in sentences_touched(document.text, candidate.start, candidate.end)]
        return [run for run in runs if run is not None]


def verify(
    claim: str,
    candidates: Sequence[SourceSpan],
    documents: Sequence[Document],
    threshold: float,
    *,
    slack: float = SLACK,
) -> Steps[Verification]:
    """Find the shortest words near the candidates that support `claim`.

    1. The sentences that the candidates touch are judged, each alone under its document's title.
    2. If none supports, the clauses of the most probable one are, then runs of two and of three sentences around the
       most probable ones, then pairs of these from different places, which a claim with two sources needs. A sentence
       that contradicts the claim is in no pair, and a pair must support it the more surely the more was tried before.
    3. What supports is cut into clauses and phrases, and the shortest run of them that still supports, and is hardly
       less probable than the whole, is taken.

    Args:
        claim: What is to be supported.
        candidates: Where a method would look, best first.
        documents: The sources.
        threshold: From which probability on it counts as support.
        slack: How much of its probability a sentence may lose if a part of it stands for the whole.

    Returns:
        `supported` with spans; `contradicted` or `not_supported` without; `not_checked` if the model failed on
        everything.
    """
    by_id = {document.id: document for document in documents}
    check = _Check(claim, by_id, threshold, candidates)
    sentences = dict.fromkeys(sentence for candidate in candidates for sentence in check.sentences(candidate))
    singles = yield from check.judge([(sentence,) for sentence in itertools.islice(sentences, MAX_SENTENCES)])
    judged = [one for one in singles if one.judgement.supported is not None]
    if not judged:
        failure = next((one.judgement.failure for one in singles), None)
        status = Status.NOT_CHECKED if failure else Status.NOT_SUPPORTED
        return Verification(status, None, (), _explained(check, singles, ()), failure=failure)
    best = _best(judged)
    if not best.supports(threshold):
        larger = yield from _other_than_a_sentence(judged, check)
        best = larger or best
    if not best.supports(threshold):
        status = Status.CONTRADICTED if contradicts(best.judgement) else Status.NOT_SUPPORTED
        return Verification(
            status,
            best.judgement.supported,
            (),
            _explained(check, singles, ()),
            contradicted=best.judgement.contradicted,
            details=check.details(best),
        )
    small = yield from _shrunk(best, check, slack)
    alone = yield from check.judge([(one,) for one in small.ranges])
    spans = tuple(span_of(one.ranges[0], by_id, one.judgement.supported) for one in alone)
    explained = _explained(check, singles, best.ranges)
    return Verification(Status.SUPPORTED, small.judgement.supported, spans, explained)


def _best(judged: Sequence[Judged]) -> Judged:
    """Return the most probable, the first of equals."""
    return max(judged, key=lambda one: one.probability)


def _other_than_a_sentence(judged: Sequence[Judged], check: _Check) -> Steps[Judged | None]:
    """Return what supports if no sentence does: a clause, two neighbours, three, two apart; `None` if nothing does."""
    likely = sorted(judged, key=lambda one: one.probability, reverse=True)[:MAX_TRIED]
    tops = [one.ranges[0] for one in likely]
    runs = [_runs(tops, size, check.documents) for size in range(2, MAX_RUN + 1)]
    willing = [one.ranges[0] for one in likely if not contradicts(one.judgement)]
    apart: list[Ranges] = [tuple(sorted(two)) for two in itertools.combinations(willing, 2)]
    tried = len(judged)
    for sets in [check.shorter(tops[0]), *runs, apart]:
        found = yield from check.judge(sets)
        tried += len(found)
        threshold = bonferroni_threshold(check.threshold, tried) if sets is apart else check.threshold
        if found and _best(found).supports(threshold):
            return _best(found)
    return None


def _runs(tops: Sequence[SourceRange], size: int, documents: Mapping[str, Document]) -> list[Ranges]:
    found: dict[Ranges, None] = {}
    for place in tops:
        document = documents[place.document]
        (number,) = sentences_touched(document.text, place.start, place.end)
        for first in range(number - size + 1, number + 1):
            run = sentence_run(document, first, size)
            if run is not None:
                found[(run,)] = None
    return list(found)


def _shrunk(best: Judged, check: _Check, slack: float) -> Steps[Judged]:
    """Cut the ranges down one after the other, each as far as all of them together still support the claim."""
    current = best
    least = max(check.threshold, best.probability - slack)
    for number, place in enumerate(best.ranges):
        before, behind = current.ranges[:number], current.ranges[number + 1 :]
        found = yield from check.judge([(*before, *one, *behind) for one in check.shorter(place)])
        enough = [one for one in found if one.supports(least)]
        if enough:
            current = min(enough, key=lambda one: (one.length, -one.probability))
    return current


def _explained(check: _Check, singles: Sequence[Judged], kept: Ranges) -> tuple[Candidate, ...]:
    """Say what became of each candidate, by the sentences that it touches."""
    said = {one.ranges[0]: one for one in singles}
    explained = []
    for candidate in check.candidates:
        judged = [said[sentence] for sentence in check.sentences(candidate) if sentence in said]
        is_kept = any(
            one.document == candidate.document and candidate.start < one.end and one.start < candidate.end
            for one in kept
        )
        reason, probability = _reason(judged, is_kept, check.threshold)
        explained.append(Candidate(candidate, is_kept, reason, probability))
    return tuple(explained)


def _reason(judged: Sequence[Judged], kept: bool, threshold: float) -> tuple[str, float | None]:
    answered = [one for one in judged if one.judgement.supported is not None]
    if not answered:
        why = judged[0].judgement.failure if judged else "other sentences were checked before, and not more"
        return f"not checked: {why}", None
    best = _best(answered)
    if kept:
        alone = "supports the claim" if best.supports(threshold) else "supports the claim in part or with others"
        return f"kept: its sentence {alone}", best.probability
    return f"dropped: its sentence {_lack(best, threshold)}", best.probability


def _lack(best: Judged, threshold: float) -> str:
    if best.supports(threshold):
        return "supports the claim, but another one does so more surely"
    if contradicts(best.judgement):
        return "contradicts the claim"
    said = f"does not support the claim ({best.probability:.2f}, below {threshold:.2f})"
    return "; ".join([said, *(finding.message for finding in best.judgement.details)])
