"""Groundedness: claims that any document supports, cited or not; sentences that need no source."""

from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement, Scoring, score_citations
from counterfoil.attribution.scoring.corpus import summarise
from counterfoil.attribution.scoring.groundedness import needs_source

TOWER, SHIP = "The tower was built in 1874.", "The ship sank in 1901."
MIXED = "The tower was built in 1874, and it was painted red."


@pytest.fixture
def judge(table):
    """Knows two facts and fails on a third statement."""
    return table(
        {
            (TOWER, TOWER): Judgement(0.9),
            (SHIP, SHIP): Judgement(0.8),
            (TOWER, "It fails."): Judgement(None, failure="down"),
            (SHIP, "It fails."): Judgement(0.1),
        },
        Judgement(0.1),
    )


def scored(answer, judge, **settings):
    settings = {"groundedness": "sentences", "detail_check": False, **settings}
    return score_citations(answer, [TOWER, SHIP], entailment=judge, quotes=False, **settings)


def test_an_answer_without_a_marker_is_grounded_in_what_was_retrieved(judge):
    report = scored(f"{SHIP} {TOWER} Nothing is known.", judge)
    assert report.recall == 0
    assert report.groundedness == pytest.approx(2 / 3)
    found = [each for statement in report.statements for each in statement.groundings]
    assert [(each.supported, each.document) for each in found] == [(True, "2"), (True, "1"), (False, None)]
    assert (report.counts["claims"], report.counts["claims_grounded"]) == (3, 2)


def test_a_wrong_citation_costs_recall_and_not_groundedness(judge):
    report = scored("The ship sank in 1901 [1].", judge)
    assert (report.recall, report.groundedness) == (0, 1)


def test_what_could_not_be_checked_is_counted_apart(judge):
    report = scored(f"It fails. {TOWER}", judge, decontextualize="none")
    assert report.groundedness == 1
    assert report.counts["claims_not_checked"] == 1
    assert list(report.failures) == ["down"]


def test_clauses_are_claims_of_their_own(judge):
    report = scored(MIXED, judge, groundedness="clauses")
    claims = [each.claim for each in report.statements[0].groundings]
    assert claims == ["The tower was built in 1874.", "The tower was painted red."]
    assert report.groundedness == 0.5


def test_the_figure_of_a_corpus_has_an_interval(judge):
    corpus = summarise([scored(TOWER, judge), scored("Nothing is known.", judge), scored(SHIP, judge)])
    assert corpus.groundedness == pytest.approx(2 / 3)
    interval = corpus.intervals()["groundedness"]
    assert interval.low <= 2 / 3 <= interval.high


def test_without_being_asked_for_there_is_none(judge):
    report = scored(TOWER, judge, groundedness="none")
    assert report.groundedness is None
    assert "groundedness" not in summarise([report, report]).intervals()


@pytest.mark.parametrize(
    ("sentence", "needed"),
    [
        ("The tower was built in 1874.", True),
        ("Thanks to the keeper, the ship was saved.", True),
        ("Of course, the tower was built in 1874.", True),
        ("Here is the harbour that was built in 1874.", True),
        ("Here is what I found:", False),
        ("Here is a short summary of the documents.", False),
        ("Shall I look for more?", False),
        ("Sure!", False),
        ("I hope this helps.", False),
        ("I couldn’t find anything on that.", False),
        ("Let me know if you need more.", False),
    ],
)
def test_what_says_nothing_needs_no_source(sentence, needed):
    assert needs_source(sentence) is needed


def test_sentences_that_need_no_source_are_left_out_if_asked_and_counted(judge):
    answer = f"I hope this helps. {TOWER[:-1]} [1]."
    assert scored(answer, judge).recall == 0.5
    report = scored(answer, judge, check_worthy=True)
    assert report.recall == 1
    assert report.omitted == ("I hope this helps.",)
    assert report.counts["sentences_omitted"] == 1


@pytest.mark.parametrize("settings", [{"groundedness": "words"}, {"mode": "alce", "groundedness": "sentences"}])
def test_what_cannot_be_meant_is_refused(settings):
    with pytest.raises(ValueError, match="groundedness"):
        Scoring(**settings)
