from __future__ import annotations

from counterfoil.attribution import Document, Judgement, score_citations
from counterfoil.attribution.entailment.batching import run
from counterfoil.attribution.entailment.premises import STRICT
from counterfoil.attribution.scoring.quotes import quote


def test_only_the_window_that_supports_is_searched(table):
    document = Document("d", "One is. Two is. Three is. Four is.", title="T")
    body = STRICT.body(document)
    whole = STRICT.premise([document])
    entries = {
        (whole, "It is."): Judgement(0.9, chunk=(body + 16, body + 34)),
        ("T\n\nOne is.", "It is."): Judgement(0.99),
        ("T\n\nFour is.", "It is."): Judgement(0.8),
    }
    span = run(quote(document, "It is.", 0.5, STRICT), table(entries).judge)
    assert (span.quote, span.start, span.end, span.score) == ("Four is.", 26, 34, 0.8)


def test_the_best_sentence_where_no_run_supports(table):
    entries = {("One is.", "It."): Judgement(0.3), ("One is. Two is.", "It."): Judgement(0.4)}
    span = run(quote(Document("d", "One is. Two is."), "It.", 0.5, STRICT), table(entries).judge)
    assert (span.quote, span.score) == ("One is.", 0.3)


def test_a_failing_model_finds_nothing(table):
    model = table({}, default=Judgement(None, failure="down"))
    assert run(quote(Document("d", "One is."), "It.", 0.5, STRICT), model.judge) is None


def test_quotes_of_a_report(words):
    text = "Cats purr. Dogs bark."
    report = score_citations("Dogs bark [1]. Fish [1].", [text], entailment=words)
    supported, missed = (statement.citations[0] for statement in report.statements)
    assert text[supported.start : supported.end] == supported.quote == "Dogs bark."
    assert missed.quote == ""
