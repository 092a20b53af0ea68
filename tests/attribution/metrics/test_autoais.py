from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement
from counterfoil.attribution.metrics.autoais import Attributed, attributed_qa, rarr, rarr_corpus


def test_attributed_qa_counts_every_question(table):
    hypothesis = "The answer to the question 'Who?' is 'Ada'"
    rows = [
        Attributed("Who?", "Ada", "Ada did.", "Bridges, History"),
        Attributed("Who?", "Ada", "Bob did."),
        Attributed("Who?", "", "Ada did."),
        Attributed("Who?", "Ada", ""),
        Attributed("Who?", "Ada", "It failed."),
    ]
    model = table(
        {
            ("Bridges, History. Ada did.", hypothesis): Judgement(0.9),
            ("Bob did.", hypothesis): Judgement(0.9, decided=False),
            ("It failed.", hypothesis): Judgement(None, failure="down"),
        }
    )
    found = attributed_qa(rows, model)
    assert found.values == (1.0, 0.0, 0.0, 0.0, None)
    assert (found.score, found.n_missing, found.n_not_checked) == (0.25, 2, 1)


def test_attributed_qa_of_nothing(words):
    assert attributed_qa([], words).score is None


def test_rarr_is_the_mean_of_the_best_snippet(table):
    model = table(
        {
            ("x", "one"): Judgement(0.2),
            ("y", "one"): Judgement(0.6),
            ("x", "two"): Judgement(0.9),
            ("y", "two"): Judgement(None, failure="down"),
        }
    )
    assert rarr(["one", "two"], ["x", "y"], model) == pytest.approx(0.75)
    assert rarr(["one"], [], model) == 0.0
    assert rarr([], ["x"], model) == 0.0
    assert rarr(["two"], ["y"], model) is None
    found = rarr_corpus([(["one", "two"], ["x", "y"]), (["one"], []), (["two"], ["y"])], model)
    assert found.values == (pytest.approx(0.75), 0.0, None)
    assert (found.score, found.n_missing, found.n_not_checked) == (pytest.approx(0.375), 1, 1)


def test_rarr_and_alce_differ_on_statements_that_need_two_snippets(words):
    assert rarr(["Alpha beta"], ["Alpha.", "Beta."], words) == 0.5
