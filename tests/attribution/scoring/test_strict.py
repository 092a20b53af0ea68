from __future__ import annotations

import pytest
from counterfoil.attribution import Document, Judgement, score_citations

DOCUMENTS = [
    Document("a", "Alpha."),
    Document("b", "Beta."),
    Document("ab", "Alpha beta."),
    Document("junk", "Gamma."),
]


@pytest.mark.parametrize(
    ("answer", "recall", "precision"),
    [
        pytest.param("Alpha.", 0, 0, id="no citation"),
        pytest.param("", 0, 0, id="empty answers score 0"),
        pytest.param("[1]", 0, 0, id="a marker alone says nothing"),
        pytest.param("Alpha [1][1].", 1, 1, id="duplicate"),
        pytest.param("Alpha beta [1][1][2].", 1, 1, id="duplicates are one citation"),
        pytest.param("Gamma [0].", 0, 0, id="id 0 is invalid"),
        pytest.param("Alpha [1][9].", 1, 1 / 2, id="an invalid id costs precision, not recall"),
        pytest.param("Alpha [1]. Beta [9].", 1 / 2, 1 / 2, id="invalid ids are in the precision"),
        pytest.param("Alpha [1]. Beta.", 1 / 2, 1, id="uncited statement"),
        pytest.param("Alpha beta [3][4].", 1, 1 / 2, id="over-citation"),
        pytest.param("Alpha [1][3].", 1, 1, id="redundant, each sufficient"),
        pytest.param("Alpha [1][3][3][4].", 1, 2 / 3, id="all citations are seen"),
        pytest.param("Alpha [2][4][4][1].", 1, 1 / 3, id="support in the last"),
        pytest.param("Alpha beta [1, 2].", 1, 1, id="comma group"),
        pytest.param("Alpha beta [1-3].", 1, 1 / 3, id="range"),
        pytest.param("Alpha. [1] Beta.", 1 / 2, 1, id="marker behind the full stop"),
        pytest.param("Alpha [1].\nBeta [2] and nonsense [4].", 1 / 2, 1 / 3, id="all lines are read"),
    ],
)
def test_table(answer, recall, precision, words):
    report = score_citations(answer, DOCUMENTS, entailment=words, quotes=False)
    assert report.recall == pytest.approx(recall)
    assert report.precision == pytest.approx(precision)
    assert report.counted


def test_range_where_no_document_is_needed(words):
    report = score_citations("Alpha beta [1-3].", DOCUMENTS, entailment=words, quotes=False)
    # Without the first, or without the second, the rest still supports: both are irrelevant. The third is sufficient.
    assert [c.status for c in report.statements[0].citations] == ["not_supported", "not_supported", "supported"]


def judged(table, entries, answer="one [1][2].", documents=("x", "y"), **options):
    return score_citations(answer, list(documents), entailment=table(entries), quotes=False, **options)


def test_a_document_alone_against_all_together_is_partial_support(table):
    report = judged(table, {("x\n\ny", "one."): Judgement(0.3), ("x", "one."): Judgement(0.9)})
    (statement,) = report.statements
    assert statement.status == "partially_supported"
    assert [c.status for c in statement.citations] == ["supported", "not_supported"]
    assert (report.recall, report.precision) == (0.0, 0.5)


def test_partial_support_as_the_model_calls_it(table):
    report = judged(table, {("x\n\ny", "one."): Judgement(0.2, partial=0.7)})
    assert report.statements[0].status == "partially_supported"


@pytest.mark.parametrize(
    ("judgement", "status"),
    [
        (Judgement(0.1, contradicted=0.8), "contradicted"),
        (Judgement(0.1, contradicted=0.4), "not_supported"),
        (Judgement(0.45, contradicted=0.5), "contradicted"),
        (Judgement(0.6, contradicted=0.9), "supported"),
        (Judgement(None, failure="timed out"), "not_checked"),
    ],
)
def test_status(table, judgement, status):
    report = judged(table, {("x", "one."): judgement}, answer="one [1].", documents=["x"])
    assert report.statements[0].status == status
    assert report.counts[status] == 1


def test_what_is_not_checked_leaves_the_denominators(table):
    failed = Judgement(None, failure="timed out")
    entries = {("x", "one."): failed, ("y", "two."): Judgement(0.9)}
    report = judged(table, entries, answer="one [1]. two [2].")
    assert (report.recall, report.precision, report.n_not_checked) == (1.0, 1.0, 1)
    assert report.statements[0].failure == "timed out"
    report = judged(table, entries, answer="one [1].")
    assert (report.recall, report.precision, report.f1, report.counted) == (None, None, None, False)


def test_a_failed_single_leaves_only_its_citation_unchecked(table):
    entries = {
        ("x\n\ny", "one."): Judgement(0.9),
        ("x", "one."): Judgement(None, failure="timed out"),
        ("y", "one."): Judgement(0.9),
    }
    report = judged(table, entries)
    assert [c.status for c in report.statements[0].citations] == ["not_checked", "supported"]
    assert (report.recall, report.precision) == (1.0, 1.0)


def test_an_empty_document_is_not_checked_and_not_asked(words):
    report = score_citations("Alpha [1]. Alpha [1][2].", ["  ", "Alpha."], entailment=words, quotes=False)
    assert [s.status for s in report.statements] == ["not_checked", "supported"]
    assert report.statements[0].failure == "the cited document is empty"
    assert [c.status for c in report.statements[1].citations] == ["not_checked", "supported"]
    assert all(pair.premise.strip() for pair in words.asked)


def test_titles_are_part_of_the_evidence(words):
    documents = [Document("1", "It opened in 1901.", title="The Harbour")]
    assert score_citations("The harbour opened in 1901 [1].", documents, entailment=words, quotes=False).recall == 1


def test_two_documents_of_one_id_are_refused(words):
    with pytest.raises(ValueError, match="different ids"):
        score_citations("Alpha [1].", [Document("a", "x"), Document("a", "y")], entailment=words)


def test_leave_one_out_is_asked_only_where_it_can_matter(words):
    score_citations("Alpha [1][3].", DOCUMENTS, entailment=words, quotes=False)
    assert words.calls == 1
    score_citations("Gamma [1][3].", DOCUMENTS, entailment=words, quotes=False)
    assert words.calls == 2
    score_citations("Alpha beta [1][3].", DOCUMENTS, entailment=words, quotes=False)
    # The rest without the first is the third alone, which was asked in the first wave already.
    assert words.calls == 3
    score_citations("Alpha beta gamma [1][2][4].", DOCUMENTS, entailment=words, quotes=False)
    assert words.calls == 5
