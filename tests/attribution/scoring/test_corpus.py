from __future__ import annotations

import pytest
from counterfoil.attribution import Answer, Scoring, score_each
from counterfoil.attribution.documents import as_documents
from counterfoil.attribution.scoring.corpus import CorpusReport, compare, summarise

DOCUMENTS = ["Alpha.", "Beta."]


def corpus(recalls, precisions=None):
    return CorpusReport("strict", "m", 0.5, tuple(recalls), tuple(precisions or recalls), {})


def test_means_and_both_kinds_of_f1(words):
    answers = [Answer("Alpha [1]. Beta. ", as_documents(DOCUMENTS)), Answer("Alpha [1][2].", as_documents(DOCUMENTS))]
    report = summarise(score_each(answers, entailment=words))
    # Answers: recall 1/2 and 1, precision 1 and 1/2; each has F1 2/3, the means have F1 3/4.
    assert (report.recall, report.precision) == (0.75, 0.75)
    assert report.mean_f1 == pytest.approx(2 / 3)
    assert report.f1_of_means == pytest.approx(3 / 4)
    assert report.counts["statements"] == 3
    assert report.counts["no_citation"] == 1


def test_answers_without_figures_are_left_out_and_counted():
    report = corpus([1.0, None, 0.0], [0.5, None, 0.5])
    assert (report.n_answers, report.n_counted, report.recall, report.precision) == (3, 2, 0.5, 0.5)


def test_no_answers_no_figures():
    report = summarise([])
    assert (report.recall, report.f1_of_means, report.mean_f1, report.n_answers) == (None, None, None, 0)
    assert set(report.intervals().values()) == {None}


def test_alce_leaves_empty_answers_out(words):
    answers = [Answer("", ()), Answer("Alpha.", ())]
    alce = summarise(score_each(answers, entailment=words, scoring=Scoring(mode="alce")))
    strict = summarise(score_each(answers, entailment=words))
    assert (alce.n_counted, strict.n_counted) == (1, 2)


def test_one_corpus_one_way_of_scoring(words):
    reports = [
        next(iter(score_each([Answer("Alpha.", ())], entailment=words, scoring=Scoring(mode=mode))))
        for mode in ("strict", "alce")
    ]
    with pytest.raises(ValueError, match="scored in one way"):
        summarise(reports)


def test_intervals_hold_the_figure_and_are_reproducible():
    report = corpus([0.0, 1.0, 1.0, 0.5, 1.0, 0.0, 0.5, 1.0])
    found = report.intervals(resamples=500)
    assert found == report.intervals(resamples=500)
    for name in ("recall", "precision", "mean_f1", "f1_of_means"):
        assert found[name].low < getattr(report, name) < found[name].high


def test_a_constant_figure_has_no_width():
    found = corpus([1.0] * 5).intervals(resamples=100)
    assert (found["recall"].low, found["recall"].high) == (1.0, 1.0)


def test_comparison_by_hand():
    # All three differences are 1/2. Of the 2^3 swaps only the given and the opposite one are as extreme: p = 2/8.
    found = compare(corpus([1.0, 1.0, 1.0]), corpus([0.5, 0.5, 0.5]))["recall"]
    assert (found.difference, found.p_value, found.n) == (0.5, pytest.approx(0.25), 3)


def test_comparison_leaves_out_what_either_lacks():
    found = compare(corpus([1.0, None, 0.5]), corpus([0.5, 0.5, 0.5]))["precision"]
    assert (found.n, found.difference) == (2, 0.25)
    with pytest.raises(ValueError, match="same answers"):
        compare(corpus([1.0]), corpus([1.0, 1.0]))
    with pytest.raises(ValueError, match="above 0"):
        compare(corpus([None]), corpus([1.0]))


def with_ids(ids, recalls, n_unread=0):
    return CorpusReport("strict", "m", 0.5, tuple(recalls), tuple(recalls), {}, n_unread, tuple(ids))


def test_answers_are_paired_by_id():
    one = with_ids("abc", [0.0, 0.5, 1.0])
    shuffled = with_ids("cab", [1.0, 0.0, 0.5])
    found = compare(one, shuffled)["recall"]
    assert (found.difference, found.interval.low, found.interval.high, found.p_value, found.n) == (0, 0, 0, 1, 3)


def test_an_answer_that_could_not_be_read_has_lost_its_id():
    one = with_ids(["a", "", "c"], [0.0, None, 1.0], n_unread=1)
    assert compare(one, with_ids("cba", [1.0, 0.5, 0.0]))["recall"].n == 2
    with pytest.raises(ValueError, match="the second lacks 1 ids of the other, among them 'd'"):
        compare(with_ids("acd", [0.0, 0.5, 1.0]), with_ids("acb", [0.0, 0.5, 1.0]))


def test_ids_that_cannot_pair_are_at_least_not_contradicted():
    repeated = with_ids(["a", "a", "b"], [0.0, 0.5, 1.0])
    assert compare(repeated, repeated)["recall"].n == 3
    assert compare(with_ids(["a", "", ""], [0.0, 0.5, 1.0]), corpus([0.0, 0.5, 1.0]))["recall"].n == 3
    with pytest.raises(ValueError, match="answer 2 is 'a' in the first and 'b' in the second"):
        compare(repeated, with_ids(["a", "b", "a"], [0.0, 1.0, 0.5]))
