from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement, Scoring, score_citations
from counterfoil.attribution.integrations.rows import Rows, explanation

ROW = {
    "user_input": "what is red?",
    "response": "The house is red [1]. The boat is red [2].",
    "retrieved_contexts": ["the house is red", {"id": "b", "title": "boats", "text": "the boat is blue"}],
}


@pytest.mark.parametrize("mode", ["strict", "alce"])
def test_a_row_is_scored_as_the_function_scores_it(words, mode):
    rows = Rows("recall", entailment=words, scoring=Scoring(mode))
    scored = rows.score(ROW)
    documents = scored.record.answer.documents
    assert scored.report == score_citations(ROW["response"], documents, entailment=words, mode=mode, quotes=False)
    assert rows.value(scored) == 0.5
    assert explanation(scored).splitlines() == [
        "supported: The house is red. [1]",
        "not_supported: The boat is red. [2]",
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({**ROW, "retrieved_contexts": []}, "not checked: cites documents but brings none"),
        ({**ROW, "retrieved_contexts": [7]}, "its element 1 is a number"),
        ({**ROW, "response": None}, "`response` has to be a string"),
    ],
)
def test_a_row_that_cannot_be_scored_says_why(words, row, why):
    rows = Rows(entailment=words)
    scored = rows.score(row)
    assert rows.value(scored) is None
    assert why in explanation(scored)


def test_a_judge_that_fails_gives_no_figure(table):
    rows = Rows(entailment=table({}, default=Judgement(None, failure="no answer")))
    scored = rows.score(ROW)
    assert rows.value(scored) is None
    assert "not_checked: The house is red. [1] (no answer)" in explanation(scored)


def test_figures_have_names():
    with pytest.raises(ValueError, match="`figure` has to be one of f1, recall, precision, but is 'F1'"):
        Rows("F1")
