"""Late interaction and merging, on numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from counterfoil.attribution import Document
from counterfoil.attribution.locating.methods.late_interaction import Matching, SourceTokens, coverage, proposed

DOCUMENT = Document("d", "aa bb cc dd. ee ff gg hh.", "Title")


def tokens():
    """A token a word, and one of the title with each of the two sentences."""
    starts = [-1, 0, 3, 6, 9, -1, 13, 16, 19, 22]
    ends = [-1, 2, 5, 8, 11, -1, 15, 18, 21, 24]
    return SourceTokens(
        torch.empty(10, 0),
        torch.tensor([9, 1, 2, 3, 4, 9, 5, 6, 7, 8]),
        torch.zeros(10, dtype=torch.long),
        torch.tensor([0] * 5 + [1] * 5),
        torch.tensor(starts),
        torch.tensor(ends),
    )


def similar(*rows):
    return torch.tensor(rows)


LOW = [0.0] * 10


def hit(*places, value=0.9):
    row = list(LOW)
    for place in places:
        row[place] = value
    return row


def test_a_token_weighs_by_how_many_sentences_hold_it():
    weights = tokens().rarity(torch.tensor([9, 1, 77]))
    expected = [math.log(3 / 2.5), math.log(3 / 1.5), math.log(3 / 0.5)]
    assert torch.allclose(weights, torch.tensor(expected))


def test_coverage_is_the_weighted_mean_of_each_tokens_best():
    found = coverage(similar(hit(1, value=0.8), hit(6, value=0.4)), torch.tensor([3.0, 1.0]), tokens())
    assert torch.allclose(found, torch.tensor([0.6, 0.1]))


def run(rows, weights=None, **settings):
    chosen = {"least": 0.1, "match": 0.5, "gap": 0, **settings}
    weights = torch.full((len(rows),), 2.0) if weights is None else torch.tensor(weights)
    return proposed(similar(*rows), weights, tokens(), [DOCUMENT], Matching(**chosen))


def own(found):
    return [span.quote for span in found.candidates[: found.n_own]]


def test_matches_that_touch_are_one_span_and_others_are_not():
    assert own(run([hit(1), hit(2), hit(4)])) == ["aa bb", "dd"]
    assert own(run([hit(1), hit(2), hit(4)], gap=1)) == ["aa bb cc dd"]


def test_the_best_sentence_comes_first_and_scores_its_coverage():
    found = run([hit(6), hit(7), hit(1)], margin=0.0)
    assert own(found) == ["ee ff"]
    assert found.candidates[0].score == pytest.approx(0.6)
    assert found.candidates[-1].quote == "aa", "worth checking, but not the method's own answer"


def test_a_word_of_the_title_covers_but_is_no_place():
    found = run([hit(0, 5), hit(2)])
    assert own(found) == ["bb"]
    assert found.candidates[0].score == pytest.approx(0.9)


def test_a_word_that_stands_everywhere_is_no_span_alone():
    assert own(run([hit(1), hit(4)], weights=[2.0, 0.1])) == ["aa", "dd"]
    assert own(run([hit(1), hit(2), hit(4)], weights=[2.0, 2.0, 0.1])) == ["aa bb"]


def test_a_sentence_that_covers_too_little_is_no_answer():
    found = run([hit(1)], least=0.95)
    assert (found.n_own, len(found.candidates) > 0) == (0, True)


@pytest.mark.parametrize("bad", [{"least": 2.0}, {"match": -2.0}, {"gap": -1}, {"top_k": 0}, {"margin": -1.0}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` has to be"):
        Matching(**{"least": 0.1, "match": 0.1, "gap": 0, **bad})
