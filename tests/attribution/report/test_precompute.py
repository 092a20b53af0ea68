"""Locating the clauses of an answer beforehand."""

from __future__ import annotations

import time

from counterfoil.attribution import Document, Locator
from counterfoil.attribution.report.precompute import clauses

SENTENCE = "The tower was built in 1874, and it was painted red. It is climbed by 142 steps [1]. "


def locator(answer, words, minilm):
    return Locator(answer, [Document("d", "Text.")], method="alignment", model=minilm, entailment=words)


def test_the_words_of_each_claim_are_one_run(words, minilm):
    found = [SENTENCE[start:end] for start, end in clauses(locator(SENTENCE, words, minilm), 0, len(SENTENCE))]
    assert found == ["The tower was built in 1874", "it was painted red", "It is climbed by 142 steps [1"]


def test_the_time_for_a_long_answer_grows_with_its_length(words, minilm):
    def seconds(times: int) -> float:
        answer = SENTENCE * times
        began = time.process_time()
        assert len(list(clauses(locator(answer, words, minilm), 0, len(answer)))) >= 3 * times
        return time.process_time() - began

    seconds(2)
    short, long = seconds(40), seconds(640)
    assert long < 80 * short, "sixteen times the length, and nowhere near 256 times the time"
