"""Groundedness: the share of an answer's claims that any retrieved document supports, whatever the answer cites.

RAGAS calls it faithfulness (Es et al., EACL 2024). It needs no markers: an answer without one has a citation recall of
0 and may be grounded all the same. A claim is a whole sentence, or each clause of it. One document must support the
claim alone, because the judge is easily misled by texts about different things put together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..documents import Document
from ..entailment import Judgement, Pair
from ..entailment.base import supports
from ..entailment.batching import Steps
from ..entailment.premises import STRICT
from ..locating.decontextualization import Decontextualizer, claims
from ..statistics import proportion
from ..text.plain_text import plain_text
from ..text.statements import Statement
from .results import Grounding, StatementVerdict

CLAIMS = ("none", "sentences", "clauses")
"""What groundedness is counted over; `"none"` for no groundedness."""

_FRAMING = re.compile(
    r"""(?:sure|of\ course|certainly|absolutely|great\ question)[!.,]*\Z
      | (?:here|below)\ (?:is|are)\ (?:what\b|(?:a|an|the|some|my|your)\ (?:\w+\ )?
        (?:summary|overview|answer|list|information|details|facts|response|explanation)\b)
      | i\ hope\b | hope\ this\b | let\ me\ know\b | feel\ free\b | thank(?:\ you|s)(?:\ for\b|[!.,]|\Z)
      | you(?:'re|\ are)\ welcome\b | as\ an\ ai\b
      | (?:unfortunately,\ )?i(?:'m|\ am)\ (?:sorry|afraid|unable|not\ sure)\b
      | (?:unfortunately,\ )?i\ (?:can't|cannot|couldn't|could\ not|don't|do\ not)\ (?:find|answer|know|have)\b
      | if\ you\ (?:have|need|would|want)\b.{0,60}\b(?:ask|help|know)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def needs_source(sentence: str) -> bool:
    """Return whether a sentence says something that a source could bear out: no question, lead-in or courtesy."""
    text = plain_text(sentence).replace("’", "'").strip()
    return not text.endswith(("?", ":")) and _FRAMING.match(text) is None


def claims_of(
    statement: Statement, answer: str, question: str | None, way: Decontextualizer | str, unit: str
) -> list[str]:
    """Return the claims of a statement: itself, or its clauses if `unit` is `"clauses"`, each understandable alone."""
    if unit == "clauses":
        found = [claim.text for _, claim in claims(way, answer, (statement.start, statement.end), question)]
        if len(found) > 1:
            return found
    return []


def grounded(
    verdict: StatementVerdict, parts: Sequence[str], documents: Sequence[Document], threshold: float
) -> Steps[StatementVerdict]:
    """Return the verdict with the document that supports each of its claims best.

    Args:
        verdict: The verdict.
        parts: The claims; empty for what was judged for the verdict.
        documents: All documents of the answer.
        threshold: From which probability on it counts as support.
    """
    asked = parts or [verdict.claim or STRICT.hypothesis(verdict.text)]
    sources = [document for document in documents if document.text.strip()]
    premises = [STRICT.premise([document]) for document in sources]
    judged = (yield [Pair(premise, claim) for claim in asked for premise in premises]) if premises else []
    found = []
    for n, claim in enumerate(asked):
        own = judged[n * len(sources) : (n + 1) * len(sources)]
        found.append(_grounding(claim, sources, own, threshold))
    return replace(verdict, groundings=tuple(found))


def groundedness(verdicts: Sequence[StatementVerdict]) -> float | None:
    """Return the share of supported claims among the checked ones; `None` if none was checked."""
    checked = [each.supported for verdict in verdicts for each in verdict.groundings if each.supported is not None]
    return proportion(sum(checked), len(checked)) if checked else None


def _grounding(claim: str, sources: Sequence[Document], judged: Sequence[Judgement], threshold: float) -> Grounding:
    known = [(judgement, source) for judgement, source in zip(judged, sources, strict=True) if not judgement.failure]
    best = max(known, key=lambda each: each[0].supported or 0.0, default=None)
    if best is not None and supports(best[0], threshold):
        return Grounding(claim, True, best[1].id, best[0].supported)
    failure = next((judgement.failure for judgement in judged if judgement.failure), None)
    if failure is not None or best is None:
        return Grounding(claim, None, failure=failure or "there is no document with text")
    return Grounding(claim, False, None, best[0].supported)
