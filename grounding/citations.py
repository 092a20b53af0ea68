"""The citations of an answer: attached, checked, led back to the whole documents, and its words located."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from counterfoil.attribution import CitedAnswer, EntailmentModel, StatementVerdict, Status, cite, score_citations
from counterfoil.attribution.entailment.detail_checked import is_detail_checked
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.attribution.report.precompute import LONGEST, Precompute
from counterfoil.attribution.text.markers import without_markers

from .engine import Generated, Prompt
from .excerpts import Excerpt
from .results import CheckedAnswer

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


NEAR = 0.3
"""Cosine similarity to the question below which a passage is about something else: in our trials with all-MiniLM-L6-v2
0.16 to 0.26 where nothing answered it, 0.5 and more where something did."""


def checked_answer(
    label: str,
    question: str,
    generated: Generated,
    sources: Sequence[Excerpt],
    entailment: EntailmentModel,
    scorer: EntailmentModel,
) -> CheckedAnswer:
    """Return the answer checked against what the model read: the rest of a long document is neither read nor cited.

    Args:
        label: Of the decoding.
        question: What was asked.
        generated: What was decoded.
        sources: What the model read.
        entailment: The model that attaches the citations.
        scorer: The model that their recall and precision are judged by.
    """
    cited, text, statements = cited_statements(question, generated.text, sources, entailment)
    scores = score_citations(
        cited.text,
        [source.read for source in sources],
        entailment=scorer,
        quotes=False,
        detail_check=is_detail_checked(scorer),
        question=question,
    )
    record = AnswerRecord(
        label=label,
        text=text,
        statements=statements,
        recall=scores.recall,
        precision=scores.precision,
        f1=scores.f1,
        trace=generated.trace if text == generated.text else (),
    )
    return CheckedAnswer(record, cited.text)


def cited_statements(
    question: str, written: str, sources: Sequence[Excerpt], entailment: EntailmentModel
) -> tuple[CitedAnswer, str, tuple[StatementVerdict, ...]]:
    """Return an answer, or whole sentences from its beginning, with the citations that its sentences get.

    Args:
        question: What was asked.
        written: What the model wrote; markers of its own are taken out.
        sources: What the model read.
        entailment: The model that attaches the citations.

    Returns:
        The text with markers, the text without, and the sentences with their places in it and in the whole documents.
    """
    read = [source.read for source in sources]
    cited = cite(written, read, entailment=entailment, detail_check=is_detail_checked(entailment), question=question)
    text = without_markers(written)
    by_id = {source.document.id: source for source in sources}
    return cited, text, placed(text, [_in_whole_document(verdict, by_id) for verdict in cited.statements])


def _in_whole_document(verdict: StatementVerdict, sources: Mapping[str, Excerpt]) -> StatementVerdict:
    located = (
        sources[c.document].located(c) if c.document is not None and c.document in sources else c
        for c in verdict.citations
    )
    details = (
        sources[d.document].detailed(d) if d.document is not None and d.document in sources else d
        for d in verdict.details
    )
    return replace(verdict, citations=tuple(located), details=tuple(details))


def placed(text: str, verdicts: Sequence[StatementVerdict]) -> tuple[StatementVerdict, ...]:
    """Return the verdicts with the offsets that their sentences have in `text`, the answer without markers.

    Raises:
        ValueError: A sentence does not stand in `text` after the ones before it.
    """
    found = []
    position = 0
    for verdict in verdicts:
        start = text.find(verdict.text, position)
        if start < 0:
            raise ValueError(f"`verdicts` have to be of sentences of the answer, but one is of {verdict.text!r}")
        position = start + len(verdict.text)
        found.append(verdict.moved_to(start, position))
    return tuple(found)


def with_located_words(
    question: str,
    checked: Sequence[CheckedAnswer],
    sources: Sequence[Excerpt],
    method: str,
    embedding: SentenceTransformer | None,
    entailment: EntailmentModel,
) -> tuple[list[CheckedAnswer], tuple[str, ...]]:
    """Return the answers with their clauses located in the documents that were read, and a note if they are not."""
    documents = tuple(source.document for source in sources)
    characters = sum(len(document.text) for document in documents)
    if characters > LONGEST:
        note = f"Words were not located beforehand in {characters:,} characters; counterfoil view locates them later."
        return list(checked), (note,)
    model = embedding if method == "alignment" and embedding is not None else load_model(method, None, {})[0]
    report = Precompute(method, model, entailment)(Report(question, tuple(c.record for c in checked), documents))
    return [replace(c, record=record) for c, record in zip(checked, report.answers, strict=True)], ()


def notes(prompt: Prompt, generated: Sequence[tuple[str, Generated]], checked: Sequence[CheckedAnswer]) -> list[str]:
    """Return sentences on passages and parts of an answer that were left out, and on what could not be checked."""
    found = []
    similar = [passage.score for passage in prompt.passages if passage.score is not None]
    if similar and max(similar) < NEAR:
        found.append(
            f"No passage is near the question (greatest similarity {max(similar):.2f}): the documents may not hold the "
            "answer. The scores say whether they support the sentences, not whether these answer the question."
        )
    if prompt.dropped:
        n_found = len(prompt.dropped) + len(prompt.passages)
        found.append(
            f"The model's context has room for {len(prompt.passages)} of the {n_found} passages found; "
            "the others were not read."
        )
    found += [
        f"{label}: the last sentence was unfinished at {text.n_tokens} tokens and was left out. Raise `max_new_tokens`."
        for label, text in generated
        if text.unfinished
    ]
    for answer in checked:
        unchecked = sum(verdict.status is Status.NOT_CHECKED for verdict in answer.record.statements)
        if unchecked:
            found.append(
                f"{answer.record.label}: {unchecked} sentence(s) could not be checked and are not in the scores."
            )
    return found
