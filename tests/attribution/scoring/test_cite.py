from __future__ import annotations

import pytest
from counterfoil.attribution import Document, Judgement, cite, score_citations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DOCUMENTS = [
    Document("harbour", "The harbour opened in 1901. It has two cranes. The gate is red."),
    Document("bridge", "The bridge is long. It was built by Ada."),
    Document("junk", "Nothing here."),
]


def test_the_fewest_documents_and_none_for_what_none_supports(words):
    answer = "The harbour opened in 1901. The harbour was built by Ada! Cats purr"
    cited = cite(answer, DOCUMENTS, entailment=words)
    assert cited.text == "The harbour opened in 1901 [1]. The harbour was built by Ada [1][2]! Cats purr"
    assert [s.status for s in cited.statements] == ["supported", "supported", "not_supported"]
    assert [cited.text[s.start : s.end] for s in cited.statements] == [
        "The harbour opened in 1901 [1].",
        "The harbour was built by Ada [1][2]!",
        "Cats purr",
    ]
    assert cited.statements[2].probability == 0.0
    assert cited.documents == ("harbour", "bridge", "junk")


def test_the_quote_is_the_shortest_run_of_sentences_that_supports(words):
    cited = cite("It has two cranes. The harbour has two cranes. A gate.", DOCUMENTS, entailment=words)
    quotes = [[c.quote for c in s.citations] for s in cited.statements]
    assert quotes == [["It has two cranes."], ["The harbour opened in 1901. It has two cranes."], []]
    for statement in cited.statements:
        for citation in statement.citations:
            document = next(d for d in DOCUMENTS if d.id == citation.document)
            assert document.text[citation.start : citation.end] == citation.quote


def test_of_several_that_support_the_most_probable_is_cited(table):
    model = table({("x", "One."): Judgement(0.6), ("y", "One."): Judgement(0.9)})
    assert cite("One.", ["x", "y"], entailment=model).text == "One [2]."


@pytest.mark.parametrize(
    ("sentence", "marked"),
    [
        ("Beta", "Beta [1]"),
        ("Beta.", "Beta [1]."),
        ('"Beta."', '"Beta [1]."'),
        ("(Beta!)", "(Beta [1]!)"),
        ("Beta...", "Beta [1]..."),
        ("Beta [2].", "Beta [1]."),
        ("Beta. [7]", "Beta [1]."),
        ("ベータ beta。", "ベータ beta [1]。"),
        ("~~Beta.~~", "~~Beta [1].~~"),
        ("Beta.<br>", "Beta [1].<br>"),
        ("Beta. <!-- not -->", "Beta [1]. <!-- not -->"),
        ("[cite_start]Beta. [cite: 3]", "Beta [1]."),
        ("Beta. Source: [3]", "Beta [1]."),
    ],
)
def test_markers_stand_before_the_final_punctuation_and_old_ones_are_replaced(sentence, marked, words):
    assert cite(sentence, ["Beta. ベータ."], entailment=words).text == marked


def test_a_model_that_fails_leaves_the_sentence_uncited_and_says_so(table):
    model = table({}, default=Judgement(None, failure="timed out"))
    cited = cite("One.", ["x", "y"], entailment=model)
    assert (cited.text, cited.statements[0].status, cited.statements[0].failure) == ("One.", "not_checked", "timed out")


def test_no_documents_and_no_text(words):
    assert cite("One.", [], entailment=words).statements[0].status == "not_supported"
    assert cite("", DOCUMENTS, entailment=words).text == ""


def test_one_document_at_most(words):
    answer = "The harbour was built by Ada."
    assert cite(answer, DOCUMENTS, entailment=words, max_documents=1).text == answer
    with pytest.raises(ValueError, match="at least 1"):
        cite(answer, DOCUMENTS, entailment=words, max_documents=0)


WORDS = ["harbour ", "bridge ", "1901 ", "cat ", ". ", "!\n", "Ada", "[1]", "- ", "😀 "]


@given(answer=st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_cited_scores_full_marks_where_it_is_cited(words, answer):
    model = words
    cited = cite(answer, DOCUMENTS, entailment=model)
    again = cite(cited.text, DOCUMENTS, entailment=model)
    assert again.text == cited.text
    report = score_citations(cited.text, DOCUMENTS, entailment=model)
    supported = [s for s in cited.statements if s.citations]
    assert sum(s.status == "supported" for s in report.statements) == len(supported)
    assert report.precision == (1.0 if supported else 0.0)


@pytest.mark.parametrize(("probability", "marked"), [(0.83, "One."), (0.84, "One [1][2].")])
def test_a_set_has_to_be_the_surer_the_more_were_tried(table, probability, marked):
    # Two single documents and one pair: a doubt of 0.5 shared among three leaves 1 - 0.5 / 3 = 0.8333.
    model = table({("x\n\ny", "One."): Judgement(probability), ("x", "One."): Judgement(0.4)})
    cited = cite("One.", ["x", "y"], entailment=model)
    assert cited.text == marked
    if marked == "One.":
        assert cited.statements[0].probability == 0.4
