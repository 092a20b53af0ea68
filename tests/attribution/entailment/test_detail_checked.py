"""The detail check beside any judge: it lowers, says why, and leaves alone what it cannot read."""

from __future__ import annotations

import pytest
from counterfoil.attribution import Document, Judgement, Status, cite, score_citations
from counterfoil.attribution.detail_check import VERSION, Finding, FindingKind
from counterfoil.attribution.entailment import Pair
from counterfoil.attribution.entailment.cached import JudgementCache
from counterfoil.attribution.entailment.detail_checked import DetailCheckedEntailment, detail_checked, factors, lowered
from counterfoil.attribution.locating import Locator

THURSDAY, FRIDAY = "The release goes out on Thursday.", "The release goes out on Friday."


@pytest.fixture
def gullible(table):
    """Believes everything."""
    return table({}, Judgement(0.9))


def test_a_detail_that_differs_turns_the_verdict_and_is_named(gullible):
    checked = detail_checked(gullible)
    assert checked.name == f"table+details/{VERSION}"
    same, changed = checked.judge([Pair(THURSDAY, THURSDAY), Pair(THURSDAY, FRIDAY)])
    assert same == Judgement(0.9)
    assert changed.supported < checked.threshold
    assert [each.message for each in changed.details] == ["Friday: the source says Thursday"]


def test_the_check_is_made_once_and_can_be_taken_away(gullible):
    checked = detail_checked(gullible)
    assert detail_checked(checked) is checked
    assert detail_checked(checked, on=False) is gullible
    assert detail_checked(gullible, on=False) is gullible


def test_other_languages_and_failures_pass_through(table):
    pairs = [Pair("Es kostet am Freitag nichts.", "Es kostet am Montag nichts."), Pair(THURSDAY, FRIDAY)]
    model = table({tuple(pairs[1]): Judgement(None, failure="down")}, Judgement(0.8))
    assert detail_checked(model).judge(pairs) == model.judge(pairs)


def test_places_count_from_the_beginning_of_a_premise_that_was_read_in_part(table):
    premise = "Nothing is known of it. " * 3 + THURSDAY
    start = premise.index(THURSDAY)
    model = table({}, Judgement(0.9, chunk=(start, len(premise))))
    (judgement,) = detail_checked(model).judge([Pair(premise, FRIDAY)])
    (finding,) = judgement.details
    assert premise[finding.source_start : finding.source_end] == "Thursday"


@pytest.mark.parametrize("kind", list(FindingKind))
def test_every_kind_has_a_factor_and_none_raises_the_probability(kind):
    assert 0 < factors()[kind] <= 1
    finding = Finding(kind, "x", 0, 1)
    for probability in (0.0, 0.3, 0.9, 1.0):
        assert lowered(probability, [finding]) <= probability


def test_findings_are_remembered_with_the_judgement(gullible, tmp_path):
    checked = DetailCheckedEntailment(gullible)
    pair = Pair(THURSDAY, FRIDAY)
    (judgement,) = checked.judge([pair])
    cache = JudgementCache(tmp_path, checked.name)
    cache.put([(pair, judgement)])
    assert cache.get(pair) == judgement
    cache.close()


PARAPHRASES = [
    ("The grant was 10,000,000 euros.", "The grant was 10 million euros."),
    ("The station opened in January 1927.", "The station opened in Jan. 1927."),
    ("The flat has one bathroom.", "The flat has 1 bathroom."),
    ("The road is 3,5 km long.", "The road is 3.5 km long."),
    ("The United Kingdom signed the treaty.", "The UK signed the treaty."),
]


@pytest.mark.parametrize(
    ("source", "statement"), [*PARAPHRASES, (THURSDAY, FRIDAY), ("Anna sued Ben.", "Ben sued Anna.")]
)
def test_score_cite_and_locate_say_the_same_of_a_claim(source, statement, gullible):
    documents = [Document("d", source, title="Title")]
    scored = score_citations(f"{statement[:-1]} [1].", documents, entailment=gullible).statements[0]
    cited = cite(statement, documents, entailment=gullible).statements[0]
    located = Locator(statement, documents, method="alignment", entailment=gullible).locate((0, len(statement)))
    assert scored.status is cited.status is located.status
    assert (scored.status is Status.SUPPORTED) is ((source, statement) in PARAPHRASES)
    assert (
        {d.message for d in scored.details}
        == {d.message for d in cited.details}
        == {d.message for d in located.details}
    )


def test_places_of_details_are_those_of_the_answer_and_of_the_document(gullible):
    documents = [Document("a", "It is a tower.", title="Tower"), Document("b", "Known. " + THURSDAY)]
    answer = "The release [1] goes out on *Friday* [2]."
    (detail,) = score_citations(answer, documents, entailment=gullible).statements[0].details
    assert answer[detail.answer_start : detail.answer_end] == "Friday"
    assert detail.document == "b"
    assert documents[1].text[detail.source_start : detail.source_end] == "Thursday"


def test_alce_is_untouched_and_strict_can_do_without(gullible):
    for settings in ({"mode": "alce"}, {"detail_check": False}):
        report = score_citations(f"{FRIDAY[:-1]} [1].", [THURSDAY], entailment=gullible, **settings)
        assert report.recall == 1.0
        assert report.entailment == "table"
