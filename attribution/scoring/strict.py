"""Citation recall and precision as this library defines them: ALCE's figures without ALCE's accidents.

For a statement s with the set C of the documents it cites (each once) and the set X of cited numbers that do not exist,
with phi(P, s) the verdict on premise P:

- recall of s: 1 if phi(all of C, s), else 0;
- precision of c in C: 1 if phi(c, s), or if phi(all of C, s) and not phi(C without c, s); else 0; of x in X: 0.

An answer's recall is the mean over its statements, its precision the mean over all its citations. docs/scoring.md
compares this with ALCE case by case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..documents import Document
from ..entailment import Judgement, Pair
from ..entailment.base import contradicts, supports
from ..entailment.batching import Steps
from ..entailment.premises import STRICT
from ..statistics import proportion
from ..text.statements import Statement, Status
from .results import Citation, StatementVerdict


def check(
    statement: Statement, documents: Sequence[Document], threshold: float, claim: str = ""
) -> Steps[StatementVerdict]:
    """Return the verdict on one statement; what is judged is `claim`, if there is one, in the place of its text.

    The first round asks for everything cited together and for each document alone; the second leaves one document out,
    for a supported statement with several citations, if that document alone did not support it.
    """
    cited = [documents[number - 1] for number in statement.cited]
    if not cited:
        status = Status.INVALID_CITATION if statement.invalid else Status.NO_CITATION
        return _verdict(statement, status, None, [])
    hypothesis = claim or STRICT.hypothesis(statement.text)
    premises = dict.fromkeys([STRICT.premise(cited), *(STRICT.premise([document]) for document in cited)])
    judged = dict(zip(premises, (yield [Pair(p, hypothesis) for p in premises]), strict=True))
    joint = judged[STRICT.premise(cited)]
    singles = [judged[STRICT.premise([document])] for document in cited]
    needed: list[Judgement | None] = [None] * len(cited)
    if supports(joint, threshold):
        doubtful = [n for n, single in enumerate(singles) if single.supported is not None]
        doubtful = [n for n in doubtful if len(cited) > 1 and not supports(singles[n], threshold)]
        rests = [STRICT.premise([*cited[:n], *cited[n + 1 :]]) for n in doubtful]
        answers = (yield [Pair(rest, hypothesis) for rest in rests]) if rests else []
        for n, answer in zip(doubtful, answers, strict=True):
            needed[n] = answer
    citations = []
    for document, number, single, rest in zip(cited, statement.cited, singles, needed, strict=True):
        status, failure = _outcome(joint, single, rest, threshold)
        citations.append(Citation(document.id, str(number), status, single.supported, failure=failure))
    details = STRICT.details(joint.details, cited, hypothesis, statement.text, statement.place)
    verdict = _verdict(statement, _status(joint, singles, threshold), joint, citations)
    return replace(verdict, details=details, claim=claim)


def recall(verdicts: Sequence[StatementVerdict]) -> float | None:
    """Return the share of supported statements among the checked ones; 0 without statements, `None` if unchecked."""
    checked = [verdict for verdict in verdicts if verdict.status is not Status.NOT_CHECKED]
    if verdicts and not checked:
        return None
    return proportion(sum(verdict.status is Status.SUPPORTED for verdict in checked), len(checked))


def precision(verdicts: Sequence[StatementVerdict]) -> float | None:
    """Return the share of supporting citations among the checked ones; 0 without any, `None` if unchecked."""
    citations = [citation for verdict in verdicts for citation in verdict.citations]
    checked = [citation for citation in citations if citation.status is not Status.NOT_CHECKED]
    if citations and not checked:
        return None
    return proportion(sum(citation.status is Status.SUPPORTED for citation in checked), len(checked))


def _status(joint: Judgement, singles: Sequence[Judgement], threshold: float) -> Status:
    if joint.supported is None:
        return Status.NOT_CHECKED
    if supports(joint, threshold):
        return Status.SUPPORTED
    in_part = joint.partial is not None and joint.partial > max(joint.supported, joint.contradicted or 0.0)
    if in_part or any(supports(single, threshold) for single in singles):
        return Status.PARTIALLY_SUPPORTED
    return Status.CONTRADICTED if contradicts(joint) else Status.NOT_SUPPORTED


def _outcome(
    joint: Judgement, single: Judgement, rest: Judgement | None, threshold: float
) -> tuple[Status, str | None]:
    """Return the status of a citation, and why it was not checked; `rest` is the verdict on all others without it."""
    failure = next((j.failure for j in (joint, single, rest) if j is not None and j.failure), None)
    if failure is not None:
        return Status.NOT_CHECKED, failure
    if supports(single, threshold) or (rest is not None and not supports(rest, threshold)):
        return Status.SUPPORTED, None
    return Status.CONTRADICTED if contradicts(single) else Status.NOT_SUPPORTED, None


def _verdict(
    statement: Statement, status: Status, joint: Judgement | None, citations: list[Citation]
) -> StatementVerdict:
    invalid = [Citation(None, name, Status.INVALID_CITATION) for name in statement.invalid]
    return StatementVerdict(
        text=statement.text,
        start=statement.start,
        end=statement.end,
        status=status,
        probability=joint.supported if joint else None,
        citations=(*citations, *invalid),
        reason=joint.reason if joint else None,
        failure=joint.failure if joint else None,
        contradicted=joint.contradicted if joint else None,
    )
