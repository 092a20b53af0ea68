"""ALCE's figures: the table of its edge cases as its scorer was seen to treat them, and the example of the paper."""

from __future__ import annotations

import re

import pytest
from counterfoil.attribution import Document, Judgement, score_citations
from counterfoil.attribution.scoring.alce import claims, sentences
from counterfoil.attribution.scoring.score import Answer, Scoring, score_each

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
        pytest.param("Alpha [1].", 100, 100, id="one citation"),
        pytest.param("Alpha [4].", 0, 0, id="wrong citation"),
        pytest.param("Alpha [1][1].", 100, 100, id="duplicate"),
        pytest.param("Alpha beta [1][1][2].", 100, 100 / 3, id="each duplicate is irrelevant beside its twin"),
        pytest.param("Gamma [0].", 100, 100, id="id 0 is the last document"),
        pytest.param("Alpha [0].", 0, 0, id="id 0 is not the first document"),
        pytest.param("Alpha [1][9].", 0, 0, id="one id too large fails the sentence"),
        pytest.param("Alpha [1]. Beta [9].", 50, 100, id="ids too large are not in the precision"),
        pytest.param("Alpha [1]. Beta.", 50, 100, id="uncited sentences do not hurt the precision"),
        pytest.param("Alpha beta [3][4].", 100, 50, id="over-citation"),
        pytest.param("Alpha [1][3].", 100, 100, id="redundant, each sufficient"),
        pytest.param("Alpha [1][3][3][4].", 100, 100, id="the fourth is not seen"),
        pytest.param("Alpha [2][4][4][1].", 0, 0, id="support only in the fourth"),
        pytest.param("Alpha beta [1, 2].", 0, 0, id="a comma group is its first number"),
        pytest.param("Alpha [1].\nBeta [2] and nonsense [4].", 100, 100, id="cut at the first newline"),
        pytest.param("Alpha [1].<|im_end|>", 100, 100, id="end token"),
        pytest.param("… Alpha [1].", 50, 100, id="a piece without words is a failing statement"),
    ],
)
def test_table(answer, recall, precision, words):
    def split(text):
        # As NLTK's punkt would: an ellipsis in front stands alone.
        return [piece for piece in re.split(r"(?<=…) |(?<=\]\.) ", text) if piece]

    report = score_citations(answer, DOCUMENTS, entailment=words, mode="alce", sentences=split, quotes=False)
    assert 100 * report.recall == pytest.approx(recall)
    assert 100 * report.precision == pytest.approx(precision)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1] A is. [2] B is. [3] C is.", ["[1] A is.", "[2] B is.", "[3] C is."]),
        ("A is. [1] B is. [2]", ["A is.", "[1] B is.", "[2]"]),
        ("A is [1]. B is [2][3].", ["A is [1].", "B is [2][3]."]),
        ("A is. [1][2] B is.", ["A is.", "[1][2] B is."]),
        ("A is. B is! [1] “C is.” [2] D.", ["A is.", "B is!", "[1] “C is.”", "[2] D."]),
        ("", []),
    ],
)
def test_without_a_splitter_sentences_are_cut_at_markers_as_punkt_does(text, expected):
    found = sentences(text)
    assert [span.text for span in found] == expected
    assert all(text[span.start : span.end] == span.text for span in found)


def test_a_marker_behind_the_full_stop_goes_with_the_next_sentence_as_punkt_cuts(words):
    def split(text):
        return ["Alpha.", "[1] Beta."]

    report = score_citations("Alpha. [1] Beta.", DOCUMENTS, entailment=words, mode="alce", sentences=split)
    assert [s.status for s in report.statements] == ["no_citation", "not_supported"]
    assert (report.recall, report.precision) == (0.0, 0.0)


def test_an_empty_answer_is_left_out_of_the_corpus(words):
    report = score_citations([" \n ", "lpha [1]."][0], DOCUMENTS, entailment=words, mode="alce")
    assert (report.recall, report.precision, report.f1, report.counted) == (None, None, None, False)


def test_figure_three_of_the_paper(table):
    documents = [Document(str(n), f"passage {n}") for n in range(1, 6)]
    supports = {
        ("12", "one"),
        ("245", "three"),
        ("45", "three"),
    }

    def premise(numbers):
        return "\n".join(f"Title: \npassage {number}" for number in numbers)

    model = table({(premise(numbers), text): Judgement(1.0) for numbers, text in supports})
    report = score_citations(
        "one [1][2] two [3] three [2][4][5]",
        documents,
        entailment=model,
        mode="alce",
        sentences=lambda text: ["one [1][2]", "two [3]", "three [2][4][5]"],
        quotes=False,
    )
    assert report.recall == pytest.approx(2 / 3)
    assert report.precision == pytest.approx(4 / 6)
    assert report.f1 == pytest.approx(2 / 3)
    assert [c.status for c in report.statements[2].citations] == ["not_supported", "supported", "supported"]


def test_the_decoded_label_outranks_the_probability(table):
    pair = ("Title: T\nx", "one")
    documents = [Document("1", "x", title="T")]
    for decided, recall in ((True, 1.0), (False, 0.0)):
        model = table({pair: Judgement(0.5, decided=decided)})
        report = score_citations("one [1]", documents, entailment=model, mode="alce", quotes=False)
        assert report.recall == recall


def test_a_list_answer_reads_each_item_behind_the_question():
    found = claims("red [1], blue, green [2].", lambda text: [text], "Which colours?")
    assert [(c.text, c.references) for c in found] == [
        ("Which colours? red", (0,)),
        ("Which colours? blue", ()),
        ("Which colours? green", (1,)),
    ]
    assert [(c.start, c.end) for c in found] == [(0, 7), (9, 13), (15, 24)]


def test_an_empty_list_answer_is_one_statement():
    assert [c.text for c in claims("", lambda text: [text], "Which?")] == ["Which?"]


def test_statement_text_loses_every_closing_bracket():
    (claim,) = claims("So [he] said | it [12, 3].", lambda text: [text])
    assert (claim.text, claim.references) == ("So [he said it, 3.", (11,))


def test_offsets_are_those_of_the_answer_that_was_given():
    answer = "  Al<|im_end|>pha [1]. Beta.\nGamma."
    found = claims(answer, lambda text: ["Alpha [1].", "Beta."])
    assert [answer[c.start : c.end] for c in found] == ["Al<|im_end|>pha [1].", "Beta."]


def test_id_zero_without_documents_is_out_of_range(words):
    report = score_citations("Alpha [0].", [], entailment=words, mode="alce")
    assert (report.recall, report.precision, words.calls) == (0.0, 0.0, 0)


def test_the_corpus_mean_is_over_answers_not_sentences(words):
    answers = [Answer("Alpha [1]. Beta. Gamma.", DOCUMENTS), Answer("Alpha [1].", DOCUMENTS), Answer("", DOCUMENTS)]
    reports = list(score_each(answers, entailment=words, scoring=Scoring(mode="alce")))
    recalls = [report.recall for report in reports if report.counted]
    assert sum(recalls) / len(recalls) == pytest.approx((1 / 3 + 1) / 2)


def test_a_list_answer_needs_its_question(words):
    with pytest.raises(ValueError, match="`question` has to be given"):
        score_citations("red [1]", DOCUMENTS, entailment=words, mode="alce", list_answer=True)


def test_of_a_repeated_citation_the_first_is_left_out(words):
    # As `list.remove` does, which the scorer calls: the order of what is left is what the model reads.
    score_citations("Alpha beta [1][2][1].", DOCUMENTS, entailment=words, mode="alce", quotes=False)
    premises = {pair.premise for pair in words.asked}
    alpha, beta = "Title: \nAlpha.", "Title: \nBeta."
    assert f"{beta}\n{alpha}" in premises
    assert f"{alpha}\n{beta}" not in premises
