"""Answers in the notations in which people bring them, judged by the local model: what is supported counts as such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.attribution import Document, Scoring, cite, score_citations
from counterfoil.attribution.io.files import score_files
from counterfoil.attribution.text.statements import statements

DATA = Path(__file__).parents[1] / "data"
RECORDS = {record["id"]: record for record in map(json.loads, (DATA / "markers.jsonl").read_text().splitlines())}
FACTS = (
    "The lighthouse was built in 1874.",
    "The lighthouse is 31 metres high.",
    "The keeper lived there for nineteen years.",
)
# Scripts that the local judge cannot read.
UNREADABLE = {"thai unrelated", "korean unrelated", "russian unrelated", "zh"}


@pytest.mark.parametrize("name", sorted(RECORDS.keys() - UNREADABLE))
def test_supported_statements_are_found_to_be_supported(name):
    record = RECORDS[name]
    report = score_citations(record["response"], record["retrieved_contexts"], quotes=False)
    assert (report.recall, report.precision) == (1.0, 1.0)
    assert report.unread == (("[0, 1]",) if name == "interval" else ())


@pytest.mark.parametrize("name", sorted(RECORDS.keys() - UNREADABLE))
def test_every_statement_has_its_own_citation(name):
    record = RECORDS[name]
    found = statements(record["response"], len(record["retrieved_contexts"]))
    if record["retrieved_contexts"] == list(FACTS) and name != "number":
        assert [statement.cited for statement in found] == [(1,), (2,), (3,)]
    assert all(len(statement.cited) == 1 and not statement.invalid for statement in found)
    assert not any(mark in statement.text for statement in found for mark in ("[]", "[1]", "】", "()", "http", "<sup>"))


@pytest.mark.parametrize("mode", ["strict", "alce"])
def test_alces_own_post_hoc_citations(mode):
    (scored,) = score_files([DATA / "alce_post_hoc.json"], scoring=Scoring(mode))
    assert (scored.report.recall, scored.report.precision) == (1.0, 1.0)


@pytest.mark.parametrize("mode", ["strict", "alce"])
def test_what_only_looks_like_a_citation_is_counted(words, mode):
    report = score_citations("Alpha (1). Beta【2:0†source】.", ["Alpha."], entailment=words, mode=mode)
    assert set(report.unread) == {"【2:0†source】", "(1)"}
    assert report.counts["citations_unread"] == 2


def test_alce_tells_of_markers_that_it_does_not_know(words):
    report = score_citations("Alpha【1】. Beta [1].", ["Alpha."], entailment=words, mode="alce")
    assert report.unread == ("【1】",)
    assert report.counts["citations"] == 1


CODE = "Alpha is so.\n```\na[1] = 2.\n```\nBeta is so."
TABLE = "| What | Fact |\n|---|---|\n| one | Alpha is so |\n| two | Gamma |"
ARTICLE = "## Alpha is so\n\nAlpha is so.\n\n- Beta is so\n\nReferences:\n[1] Guide, 2019."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CODE, CODE.replace("so.\n```\na", "so [1].\n```\na").replace("Beta is so.", "Beta is so [2].")),
        (TABLE, TABLE.replace("Alpha is so |", "Alpha is so [1] |")),
        (ARTICLE, ARTICLE.replace("so.\n", "so [1].\n").replace("- Beta is so", "- Beta is so [2]")),
        ("Alpha is so [[2]](http://x.y)【3】.", "Alpha is so [1]."),
        ("Alpha is so। Beta is so؟ Alpha is so‽", "Alpha is so [1]। Beta is so [2]؟ Alpha is so [1]‽"),
        ("Alpha is so．Beta is so｡", "Alpha is so [1]．Beta is so [2]｡"),
        ("<p>Alpha is so.</p><p>Beta is so</p>", "<p>Alpha is so [1].</p><p>Beta is so [2]</p>"),
        ("**Alpha is so.** Beta is so", "**Alpha is so [1].** Beta is so [2]"),
        ("It is approx. Alpha is so.", "It is approx. Alpha is so."),
    ],
)
def test_citing_leaves_markdown_whole(words, answer, expected):
    documents = ["One Alpha is so p.", "Beta is so p."]
    cited = cite(answer, documents, entailment=words)
    assert cited.text == expected
    for verdict in cited.statements:
        if verdict.citations:
            numbers = tuple(int(citation.marker) for citation in verdict.citations)
            read = statements(cited.text, 2)
            assert numbers in [statement.cited for statement in read if statement.start == verdict.start]


def test_a_quote_reaches_across_no_gap(words):
    def quote(gaps):
        document = Document("1", "Alpha is so.\n\nBeta is so. and", gaps=gaps)
        (citation,) = cite("Alpha and Beta is so.", [document], entailment=words).statements[0].citations
        return citation.quote

    assert quote(()).startswith("Alpha is so.\n\nBeta")
    assert "\n" not in quote((13,))


def test_quotes_of_a_long_document_ask_a_bounded_number_of_pairs(words):
    text = " ".join(f"Sentence {n} is about thing{n}." for n in range(400))
    report = score_citations("Thing3 and thing390 is about [1].", [text + " and"], entailment=words)
    (citation,) = report.statements[0].citations
    assert "thing3" in citation.quote
    assert len(words.asked) <= 1 + 32 + 8 + 12
