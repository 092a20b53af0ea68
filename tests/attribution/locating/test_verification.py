"""The check: the shortest words that still support the claim, and none where nothing does."""

from __future__ import annotations

import pytest
from counterfoil.attribution import Document, Judgement, SourceSpan, Status
from counterfoil.attribution.entailment.batching import run
from counterfoil.attribution.entailment.detail_checked import detail_checked
from counterfoil.attribution.locating.verification import verify

TEXT = "Alpha beta gamma, and delta epsilon. Zeta eta theta. Iota kappa lambda."
DOCUMENT = Document("d", TEXT)


def check(model, claim, *spans, documents=(DOCUMENT,), threshold=None, **options):
    by_id = {document.id: document for document in documents}
    candidates = [SourceSpan.of(by_id[id_], start, end, 0.5) for id_, start, end in spans]
    least = model.threshold if threshold is None else threshold
    return run(verify(claim, candidates, documents, least, **options), model.judge)


def test_a_sentence_is_cut_down_to_the_clause_that_supports(words):
    found = check(words, "delta epsilon", ("d", 0, 5))
    assert found.status is Status.SUPPORTED
    assert [span.quote for span in found.spans] == ["delta epsilon."]
    assert found.spans[0].score == found.probability == 1.0
    assert found.candidates[0].kept


def test_the_neighbours_of_what_was_proposed_are_tried_and_sentences_farther_off_are_not(words):
    assert [span.quote for span in check(words, "zeta", ("d", 0, 5)).spans] == ["Zeta eta theta."]
    far = Document("d", "One. Two. Three. Four. Five. Zeta.")
    assert check(words, "zeta", ("d", 0, 3), documents=(far,)).spans == ()


def test_neighbours_are_joined_where_no_sentence_does_alone(words):
    found = check(words, "epsilon zeta", ("d", 0, 5))
    (span,) = found.spans
    assert "epsilon" in span.quote
    assert "Zeta" in span.quote
    assert "Iota" not in span.quote


def test_two_documents_are_joined_where_neither_does_alone(words):
    others = (DOCUMENT, Document("e", "Omega psi."))
    found = check(words, "theta omega", ("d", 37, 41), ("e", 0, 5), documents=others)
    assert [(span.document, span.quote) for span in found.spans] == [("d", "Zeta eta theta."), ("e", "Omega psi.")]


def test_nothing_that_does_not_support_is_returned(words):
    found = check(words, "nothing of it", ("d", 0, 5), ("d", 37, 41))
    assert (found.status, found.spans) == (Status.NOT_SUPPORTED, ())
    assert [candidate.kept for candidate in found.candidates] == [False, False]
    assert "does not support" in found.candidates[0].reason


def test_no_candidates_are_no_support(words):
    found = check(words, "alpha")
    assert (found.status, found.spans, words.calls) == (Status.NOT_SUPPORTED, (), 0)


def test_a_contradiction_is_called_one(table):
    model = table({}, Judgement(0.1, contradicted=0.8))
    found = check(model, "claim", ("d", 0, 5))
    assert (found.status, found.spans) == (Status.CONTRADICTED, ())
    assert "contradicts" in found.candidates[0].reason


def test_a_model_that_fails_has_said_nothing(table):
    found = check(table({}, Judgement(None, failure="down")), "claim", ("d", 0, 5))
    assert (found.status, found.failure, found.spans) == (Status.NOT_CHECKED, "down", ())


def test_a_sentence_that_contradicts_is_in_no_pair(table):
    first, second = "Alpha beta gamma, and delta epsilon.", "Iota kappa lambda."
    pair = f"{first} {second}"
    sure = table({(pair, "claim"): Judgement(0.99)}, Judgement(0.1))
    assert check(sure, "claim", ("d", 0, 5), ("d", 53, 57)).status is Status.SUPPORTED
    torn = table(
        {(pair, "claim"): Judgement(0.99), (first, "claim"): Judgement(0.1, contradicted=0.9)}, Judgement(0.05)
    )
    assert check(torn, "claim", ("d", 0, 5), ("d", 53, 57)).spans == ()


def test_a_pair_has_to_be_the_surer_the_more_was_tried(table):
    pair = "Alpha beta gamma, and delta epsilon. Iota kappa lambda."
    for probability, enough in ((0.9, False), (0.99, True)):
        model = table({(pair, "claim"): Judgement(probability)}, Judgement(0.1))
        assert bool(check(model, "claim", ("d", 0, 5), ("d", 53, 57)).spans) is enough


def test_details_that_differ_are_placed_in_the_claim_and_in_the_document(table):
    source = Document("d", "It is old. The tower has 31 metres.")
    model = detail_checked(table({}, Judgement(0.9)))
    found = check(model, "The tower has 48 metres.", ("d", 11, 14), documents=(source,))
    assert found.status is Status.NOT_SUPPORTED
    (detail,) = found.details
    assert (detail.message, detail.document) == ("48: the source says 31", "d")
    assert source.text[detail.source_start : detail.source_end] == "31"
    assert "48: the source says 31" in found.candidates[0].reason


def test_a_shorter_run_may_not_cost_too_much(table):
    whole, half = "Alpha beta gamma, and delta epsilon.", "delta epsilon."
    model = table({(whole, "c"): Judgement(0.9), (half, "c"): Judgement(0.7)}, Judgement(0.1))
    assert check(model, "c", ("d", 0, 5), slack=0.1).spans[0].quote == whole
    assert check(model, "c", ("d", 0, 5), slack=0.3).spans[0].quote == "delta epsilon."


def test_the_title_is_read_with_every_span(words):
    titled = Document("d", "It has steps. Other words.", title="Tower")
    found = check(words, "tower steps", ("d", 0, 2), documents=(titled,))
    assert [span.quote for span in found.spans] == ["It has steps."]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends_keep_the_offsets(words, line_end):
    document = Document("d", f"First line here.{line_end}{line_end}Second 👍🏽 line, with e\u0301clair.")
    start = document.text.index("Second")
    found = check(words, "second line", ("d", start, start + 3), documents=(document,))
    (span,) = found.spans
    assert document.text[span.start : span.end] == span.quote
    assert span.quote.startswith("Second")
