"""AutoAIS, in the two forms in the literature: one passage an answer, and the best of several an answer's sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..entailment import EntailmentModel, Judgement, Pair
from ..entailment.base import supports
from ..entailment.batching import Steps, run, together
from ..statistics import mean


@dataclass(frozen=True)
class Attributed:
    """One row of Attributed QA.

    Args:
        question: The question.
        answer: The system's answer; empty where it gave none.
        passage: The text it is attributed to; empty where there is none.
        heading: Title and section of the passage.
    """

    question: str
    answer: str
    passage: str
    heading: str = ""


@dataclass(frozen=True)
class AutoAIS:
    """A corpus figure.

    Args:
        score: In [0, 1]; `None` where nothing could be judged.
        values: One value a row: 1 or 0 in Attributed QA, a probability in RARR; `None` where the model failed.
        n_missing: Rows without an answer or a passage, which count as 0.
        n_not_checked: Rows on which the model gave no verdict, which leave the denominator.
    """

    score: float | None
    values: tuple[float | None, ...]
    n_missing: int
    n_not_checked: int


def attributed_qa(rows: Sequence[Attributed], entailment: EntailmentModel) -> AutoAIS:
    """Return AutoAIS of Attributed QA (Bohnet et al., 2022): the share of passages that entail question and answer.

    The premise is heading and passage, the hypothesis the sentence that the answer to the question is the answer.
    Every question counts: one without an answer or a passage is a 0.
    """
    missing = [not row.answer.strip() or not row.passage.strip() for row in rows]
    asked = [_pair(row) for row, gone in zip(rows, missing, strict=True) if not gone]
    judgements = iter(run(_ask(asked), entailment.judge))
    values: list[float | None] = []
    for gone in missing:
        judgement = None if gone else next(judgements)
        if judgement is None:
            values.append(0.0)
        elif judgement.supported is None:
            values.append(None)
        else:
            yes = supports(judgement, entailment.threshold) if judgement.decided is None else judgement.decided
            values.append(float(yes))
    return _figure(values, sum(missing))


def rarr(sentences: Sequence[str], snippets: Sequence[str], entailment: EntailmentModel) -> float | None:
    """Return the attribution of RARR (Gao et al., 2023): mean over sentences of the best snippet's probability.

    ALCE instead joins what is cited; the two differ on statements that need several snippets.

    Args:
        sentences: The sentences of the answer, each understandable alone.
        snippets: The evidence.
        entailment: Who judges.

    Returns:
        A figure in [0, 1]: 0 without sentences or snippets, `None` where the model judged no sentence.
    """
    if not sentences or not snippets:
        return 0.0
    values = run(together(_best(sentence, snippets) for sentence in sentences), entailment.judge)
    return mean([value for value in values if value is not None])


def rarr_corpus(answers: Sequence[tuple[Sequence[str], Sequence[str]]], entailment: EntailmentModel) -> AutoAIS:
    """Return the mean of :func:`rarr` over answers, each a pair of sentences and snippets, asked in one wave."""
    steps = together(together(_best(sentence, snippets) for sentence in sentences) for sentences, snippets in answers)
    values: list[float | None] = []
    missing = 0
    for found, (sentences, snippets) in zip(run(steps, entailment.judge), answers, strict=True):
        if not sentences or not snippets:
            missing += 1
            values.append(0.0)
        else:
            values.append(mean([value for value in found if value is not None]))
    return _figure(values, missing)


def _pair(row: Attributed) -> Pair:
    premise = f"{row.heading}. {row.passage}" if row.heading else row.passage
    return Pair(premise, f"The answer to the question '{row.question}' is '{row.answer}'")


def _ask(pairs: list[Pair]) -> Steps[list[Judgement]]:
    return (yield pairs) if pairs else []


def _best(sentence: str, snippets: Sequence[str]) -> Steps[float | None]:
    judgements = yield [Pair(snippet, sentence) for snippet in snippets]
    return max((j.supported for j in judgements if j.supported is not None), default=None)


def _figure(values: Sequence[float | None], missing: int) -> AutoAIS:
    checked = [value for value in values if value is not None]
    return AutoAIS(mean(checked), tuple(values), missing, len(values) - len(checked))
