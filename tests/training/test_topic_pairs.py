"""Statements "topic: clause" are made of articles: what a text says of its subject, and of a name that comes later."""

from __future__ import annotations

from counterfoil.attribution.detail_check import FindingKind, check_details

from training.entailment.topic_pairs import articles, pairs

TEXT = """
 = Bridge of Venn =

 The Bridge of Venn was opened in 1901 . The work on the piers took no less than 2 @.@ 5 years . It is near Luce
 = = Later years = =

 The lift at Corrin Falls was built later .

 = <unk> Hall =

 The work on the walls of it took no less than two years . It is near Mount Serrin .
"""


def test_articles_have_their_title_and_their_paragraphs_as_they_were_written():
    (bridge, paragraphs), _ = articles(TEXT)
    assert bridge == "Bridge of Venn"
    assert paragraphs == [
        "The Bridge of Venn was opened in 1901. The work on the piers took no less than 2.5 years. It is near Luce",
        "The lift at Corrin Falls was built later.",
    ]


def test_a_sentence_is_said_of_the_subject_and_of_a_name_that_comes_later():
    found = [pair for article in articles(TEXT) for pair in pairs(*article)]
    clause = "the work on the piers took no less than 2.5 years."
    assert {(pair["hypothesis"], pair["label"]) for pair in found} == {
        (f"Bridge of Venn: {clause}", "supported"),
        (f"Corrin Falls: {clause}", "not_supported"),
    }
    for pair in found:
        kinds = {each.kind for each in check_details(pair["premise"], pair["hypothesis"])}
        assert (FindingKind.TOPIC in kinds) is (pair["label"] == "not_supported")
