"""ALCE's citation recall and precision (Gao et al., EMNLP 2023), number for number, accidents included.

Restated from the published scorer's behaviour: the answer is cut at its first newline; a citation is an opening
bracket with digits behind it, so `[1, 2]` cites document 1 only; id 0 is the last document; one id that is too large
fails the sentence and takes its other citations out of the precision; citations behind the third are not seen;
repetitions count, and if one of them is left out it is the first; an answer without a sentence is left out of the
corpus mean.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..documents import Document
from ..entailment import Judgement, Pair
from ..entailment.base import contradicts, supports
from ..entailment.batching import Steps
from ..entailment.premises import ALCE
from ..statistics import proportion
from ..text.markers import Range, kept, markers, unread_citations
from ..text.segmentation import TextSpan
from ..text.segmentation import sentences as default_sentences
from ..text.statements import Splitter, Status, located
from .results import Citation, StatementVerdict

MAX_CITATIONS = 3
_END_TOKEN = re.compile(re.escape("<|im_end|>"))
_CITATION = re.compile(r"\[(\d+)")
_BEHIND_STOP = re.compile(r"[.!?][\"'”’)]*\s+(?P<marker>(?:\[\d[^\[\]]*\]\s*)+)")
_CITATION_WITH_BLANK = re.compile(r" ?\[\d+")


@dataclass(frozen=True)
class Claim:
    """A sentence as ALCE reads it.

    Args:
        text: The hypothesis.
        start: Where the sentence begins in the answer.
        end: One past its last character.
        references: What it cites, from 0, as often and in the order in which it does; -1 for id 0.
    """

    text: str
    start: int
    end: int
    references: tuple[int, ...]


def sentences(text: str) -> list[TextSpan]:
    """Return the sentences of `text`, cut as NLTK's punkt cuts at markers: one behind a full stop begins a sentence.

    Elsewhere the boundaries are those of :func:`~counterfoil.attribution.text.segmentation.sentences`.
    """
    places = {0, len(text)}
    for span in default_sentences(text):
        places.add(span.start)
        places.update(match.start("marker") for match in _BEHIND_STOP.finditer(text, span.start, span.end))
    # A marker behind a full stop goes with what follows, so nothing is cut behind it.
    places -= {match.end() for match in _BEHIND_STOP.finditer(text)} - {0, len(text)}
    spans = [_stripped(text, start, end) for start, end in itertools.pairwise(sorted(places))]
    return [span for span in spans if span.text]


def _stripped(text: str, start: int, end: int) -> TextSpan:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return TextSpan(start, start + len(piece.strip()), piece.strip())


def claims(answer: str, splitter: Splitter, question: str | None = None) -> list[Claim]:
    """Return the sentences of the first line of `answer`; with a `question`, the items of its comma-separated list.

    The second form is ALCE's for QAMPARI: every item is a statement with the question before it.
    """
    lead = len(answer) - len(answer.lstrip())
    line = answer.strip().split("\n")[0]
    tokens = [(lead + match.start(), lead + match.end()) for match in _END_TOKEN.finditer(line)]
    parts = kept(lead, lead + len(line), tokens)
    text = "".join(answer[start:end] for start, end in parts)
    spans = located(text, splitter(text)) if question is None else _items(text)
    return [_claim(span, parts, question) for span in spans]


def check(
    claim: Claim, documents: Sequence[Document], threshold: float, max_citations: int | None = MAX_CITATIONS
) -> Steps[StatementVerdict]:
    """Return the verdict on one sentence.

    Three rounds of questions: everything cited together, each document alone, all documents but one.
    """
    if not claim.references or not documents or max(claim.references) >= len(documents):
        return _unasked(claim, documents)
    seen = claim.references[:max_citations]
    cited = [documents[reference] for reference in seen]
    (joint,) = yield [Pair(ALCE.premise(cited), claim.text)]
    outcomes = [_single_outcome(joint, threshold)] * len(cited)
    if len(cited) > 1 and _entails(joint, threshold):
        outcomes = yield from _precise(claim.text, cited, seen, threshold)
    citations = [
        Citation(document.id, str(reference + 1), *outcome)
        for document, reference, outcome in zip(cited, seen, outcomes, strict=True)
    ]
    citations += [_unseen(reference, documents) for reference in claim.references[len(seen) :]]
    return StatementVerdict(
        text=claim.text,
        start=claim.start,
        end=claim.end,
        status=_single_outcome(joint, threshold)[0],
        probability=joint.supported,
        citations=tuple(citations),
        reason=joint.reason,
        failure=joint.failure,
        contradicted=joint.contradicted,
    )


def unread(answer: str, n_documents: int) -> list[str]:
    """Return what looks like a citation but is none for ALCE, which knows a bracket with digits only."""
    others = [marker.text for marker in markers(answer, n_documents) if not _CITATION.search(marker.text)]
    return [*others, *unread_citations(answer, n_documents)]


def recall(verdicts: Sequence[StatementVerdict]) -> float | None:
    """Return the share of supported sentences; `None` for an answer without a sentence, which ALCE leaves out."""
    checked = [verdict for verdict in verdicts if verdict.status is not Status.NOT_CHECKED]
    return proportion(sum(verdict.status is Status.SUPPORTED for verdict in checked), len(checked)) if checked else None


def precision(verdicts: Sequence[StatementVerdict]) -> float | None:
    """Return the share of supporting citations among those that count, 0 if none does; `None` as for :func:`recall`."""
    if all(verdict.status is Status.NOT_CHECKED for verdict in verdicts):
        return None
    apart = {Status.NOT_CHECKED, Status.INVALID_CITATION}
    counted = [c.status for verdict in verdicts for c in verdict.citations if c.status not in apart]
    return proportion(counted.count(Status.SUPPORTED), len(counted))


Outcome = tuple[Status, float | None, int, int, str, str | None]
"""Status, score, start, end, quote and failure of a citation; the passage is looked for later."""


def _precise(text: str, cited: Sequence[Document], references: Sequence[int], threshold: float) -> Steps[list[Outcome]]:
    """Find irrelevant citations: those that do not support alone while the others do without them."""
    singles = yield [Pair(ALCE.premise([document]), text) for document in cited]
    doubtful = [n for n, single in enumerate(singles) if not _entails(single, threshold) and not single.failure]
    # Of a repeated citation the scorer leaves out the first, whichever it asks about.
    first = [references.index(references[n]) for n in doubtful]
    rests = [ALCE.premise([*cited[:n], *cited[n + 1 :]]) for n in first]
    answers = (yield [Pair(rest, text) for rest in rests]) if rests else []
    others = dict(zip(doubtful, answers, strict=True))
    outcomes = []
    for n, single in enumerate(singles):
        failure = single.failure or (others[n].failure if n in others else None)
        irrelevant = n in others and _entails(others[n], threshold)
        status = Status.NOT_SUPPORTED if irrelevant else Status.SUPPORTED
        outcomes.append((Status.NOT_CHECKED if failure else status, single.supported, 0, 0, "", failure))
    return outcomes


def _single_outcome(joint: Judgement, threshold: float) -> Outcome:
    if joint.supported is None:
        return Status.NOT_CHECKED, None, 0, 0, "", joint.failure
    against = Status.CONTRADICTED if contradicts(joint) else Status.NOT_SUPPORTED
    status = Status.SUPPORTED if _entails(joint, threshold) else against
    return status, joint.supported, 0, 0, "", None


def _entails(judgement: Judgement, threshold: float) -> bool:
    """Return ALCE's phi: the decoded label if the model has one, else the comparison with the threshold."""
    return supports(judgement, threshold) if judgement.decided is None else judgement.decided


def _unasked(claim: Claim, documents: Sequence[Document]) -> StatementVerdict:
    citations = tuple(_unseen(reference, documents) for reference in claim.references)
    status = Status.INVALID_CITATION if citations else Status.NO_CITATION
    return StatementVerdict(claim.text, claim.start, claim.end, status, citations=citations)


def _unseen(reference: int, documents: Sequence[Document]) -> Citation:
    """Return a citation that ALCE does not count: too large, beside one that is, or too late."""
    exists = bool(documents) and reference < len(documents)
    status = Status.NOT_CHECKED if exists else Status.INVALID_CITATION
    return Citation(documents[reference].id if exists else None, str(reference + 1), status)


def _items(text: str) -> list[TextSpan]:
    text = text.rstrip().rstrip(".").rstrip(",")
    spans = []
    position = 0
    for piece in text.split(","):
        start = position + len(piece) - len(piece.lstrip())
        spans.append(TextSpan(start, start + len(piece.strip()), piece.strip()))
        position += len(piece) + 1
    return spans


def _claim(span: TextSpan, parts: Sequence[Range], question: str | None) -> Claim:
    sentence = span.text if question is None else f"{question} {span.text}"
    text = _CITATION_WITH_BLANK.sub("", sentence).replace(" |", "").replace("]", "").strip()
    references = tuple(int(number) - 1 for number in _CITATION.findall(sentence))
    return Claim(text, _place(parts, span.start), _place(parts, span.end), references)


def _place(parts: Sequence[Range], position: int) -> int:
    """Return where the character at `position` of the text made up of the ranges `parts` stands in the answer."""
    passed = 0
    for start, end in parts:
        if position <= passed + end - start:
            return start + position - passed
        passed += end - start
    return parts[-1][1] if parts else 0
