"""Why a candidate was kept or dropped, in words for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..documents import Document, SourceSpan
from ..scoring.results import contradicts, supports
from .asking import Judged, best_of
from .attributions import Candidate
from .spans import Place, run, touched


def accounts_of(
    candidates: Sequence[SourceSpan],
    documents: Mapping[str, Document],
    singles: Sequence[Judged],
    kept: Sequence[Place],
    threshold: float,
) -> tuple[Candidate, ...]:
    """What became of each candidate, by the sentences that it touches."""
    said = {one.places[0]: one for one in singles}
    accounts = []
    for candidate in candidates:
        document = documents[candidate.document]
        own = [run(document, number, 1) for number in touched(document, candidate.start, candidate.end)]
        judged = [said[place] for place in own if place in said]
        is_kept = any(
            p.document == candidate.document and candidate.start < p.end and p.start < candidate.end for p in kept
        )
        reason, probability = _reason(judged, is_kept, threshold)
        accounts.append(Candidate(candidate, is_kept, reason, probability))
    return tuple(accounts)


def _reason(judged: Sequence[Judged], kept: bool, threshold: float) -> tuple[str, float | None]:
    asked = [one for one in judged if one.judgement.supported is not None]
    if not asked:
        why = judged[0].judgement.failure if judged else "other sentences were checked before, and not more"
        return f"not checked: {why}", None
    best = best_of(asked)
    if kept:
        alone = "supports the claim" if best.supports(threshold) else "supports the claim in part or with others"
        return f"kept: its sentence {alone}", best.probability
    return f"dropped: its sentence {_lack(best, threshold)}", best.probability


def _lack(best: Judged, threshold: float) -> str:
    if best.supports(threshold):
        return "supports the claim, but another one does so more surely"
    if supports(best.judgement, threshold):
        return f"has not {', '.join(map(repr, best.missing))}"
    if contradicts(best.judgement):
        return "contradicts the claim"
    return f"does not support the claim ({best.probability:.2f}, below {threshold:.2f})"
