"""Locating the clauses of an answer beforehand."""

from __future__ import annotations

import time

import pytest
from counterfoil.attribution import Document, Judgement, Locator, Status, score_citations
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.attribution.report.precompute import Precompute, clauses

SENTENCE = "The tower was built in 1874, and it was painted red. It is climbed by 142 steps [1]. "


def locator(answer, words, minilm):
    return Locator(answer, [Document("d", "Text.")], method="alignment", model=minilm, entailment=words)


def test_the_words_of_each_claim_are_one_run(words, minilm):
    found = [SENTENCE[start:end] for start, end in clauses(locator(SENTENCE, words, minilm), 0, len(SENTENCE))]
    assert found == ["The tower was built in 1874", "it was painted red", "It is climbed by 142 steps [1"]


def test_the_time_for_a_long_answer_grows_with_its_length(words, minilm):
    def seconds(times: int) -> float:
        answer = SENTENCE * times
        began = time.process_time()
        assert len(list(clauses(locator(answer, words, minilm), 0, len(answer)))) >= 3 * times
        return time.process_time() - began

    seconds(2)
    short, long = seconds(40), seconds(640)
    assert long < 80 * short, "sixteen times the length, and nowhere near 256 times the time"


CLAIM, OTHER = "The tower is tall.", "The tower is built of stone."
TEXT = f"{OTHER} The stone is grey. It is old. Nobody lives there. It is closed. The door is red."


def located(judge, minilm, documents, answer=f"{CLAIM[:-1]} [1]."):
    """The verdict of the scorer on a statement, and of the page on all of its words."""
    scored = score_citations(answer, documents, entailment=judge)
    record = AnswerRecord("answer", answer, scored.statements, scored.recall, scored.precision, scored.f1)
    report = Precompute("alignment", minilm, judge)(Report("", (record,), tuple(documents)))
    (found,) = report.answers[0].attributions
    return scored.statements[0], found


@pytest.fixture
def source():
    return Document("d", TEXT)


def test_what_only_the_whole_document_supports_has_the_scorers_verdict_and_passage(table, minilm, source):
    judge = table({(TEXT, CLAIM): Judgement(0.8)}, Judgement(0.2))
    statement, found = located(judge, minilm, [source])
    assert found.status is statement.status is Status.SUPPORTED
    assert found.probability == 0.8
    assert [span.quote for span in found.spans] == [statement.citations[0].quote]
    assert found.notes[-1] == "the passages that the scorer found"


def test_what_only_a_passage_supports_is_not_supported_on_the_page_either(table, minilm, source):
    judge = table({(OTHER, CLAIM): Judgement(0.8)}, Judgement(0.2))
    statement, found = located(judge, minilm, [source])
    assert found.status is statement.status is Status.NOT_SUPPORTED
    assert (found.spans, found.probability) == ((), 0.2)
    assert "when read alone" in found.notes[-1]


def test_what_another_document_supports_is_told(table, minilm, source):
    judge = table({(CLAIM, CLAIM): Judgement(0.9)}, Judgement(0.2))
    statement, found = located(judge, minilm, [source, Document("other", CLAIM)])
    assert (statement.status, found.status) == (Status.NOT_SUPPORTED, Status.SUPPORTED)
    assert found.notes[-1] == "supported by a document that the sentence does not cite"
