from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement, Pair
from counterfoil.attribution.entailment.batching import run, together


def asks(*rounds):
    got = []
    for each in rounds:
        answers = yield [Pair(*pair) for pair in each]
        got.append([answer.supported for answer in answers])
    return got


class Counting:
    def __init__(self):
        self.rounds = []

    def __call__(self, pairs):
        self.rounds.append(list(pairs))
        return [Judgement(len(pair.premise) / 10) for pair in pairs]


def test_side_by_side_and_nothing_twice():
    judge = Counting()
    steps = [asks([("a", "h"), ("bb", "h")], [("ccc", "h")]), asks([("a", "h")]), asks(), asks([], [("a", "h")])]
    assert run(together(steps), judge) == [[[0.1, 0.2], [0.3]], [[0.1]], [], [[], [0.1]]]
    assert judge.rounds == [[("a", "h"), ("bb", "h")], [("ccc", "h")]]


def test_a_blank_premise_is_a_failure_without_a_question():
    judge = Counting()
    (answers,) = run(asks([(" \n", "h")]), judge)
    assert (answers, judge.rounds) == ([None], [])


def test_a_model_that_loses_pairs_is_an_error():
    with pytest.raises(ValueError, match="returned 0 for 1 pairs"):
        run(asks([("a", "h")]), lambda pairs: [])
