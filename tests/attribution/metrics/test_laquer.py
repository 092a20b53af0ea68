from __future__ import annotations

import pytest
from counterfoil.attribution import Document, Judgement, SourceSpan
from counterfoil.attribution.entailment.batching import run
from counterfoil.attribution.metrics.laquer import entailed, length, overlap

A, B = Document("a", "0123456789", "Title"), Document("b", "abcdefghij")
BY_ID = {"a": A, "b": B}


def spans(*places):
    return [SourceSpan.of(BY_ID[id_], start, end) for id_, start, end in places]


@pytest.mark.parametrize(
    ("found", "gold", "precision", "recall", "f1", "iou"),
    [
        (spans(("a", 0, 4)), spans(("a", 0, 4)), 1, 1, 1, 1),
        (spans(("a", 2, 6)), spans(("a", 0, 4)), 0.5, 0.5, 0.5, 2 / 6),
        (spans(("a", 0, 10)), spans(("a", 0, 4)), 0.4, 1, 8 / 14, 0.4),
        (spans(("b", 0, 4)), spans(("a", 0, 4)), 0, 0, 0, 0),
        ([], spans(("a", 0, 4)), 0, 0, 0, 0),
        (spans(("a", 0, 3), ("a", 1, 4)), spans(("a", 0, 2), ("b", 0, 2)), 0.5, 0.5, 0.5, 2 / 6),
    ],
)
def test_characters_are_compared(found, gold, precision, recall, f1, iou):
    agreed = overlap(found, gold)
    assert (agreed.precision, agreed.recall, agreed.f1, agreed.iou) == pytest.approx((precision, recall, f1, iou))


def test_agreement_with_nothing_has_no_figure():
    with pytest.raises(ValueError, match="`gold` has to hold a character"):
        overlap(spans(("a", 0, 4)), [])


def test_length_counts_a_character_once():
    assert length(spans(("a", 0, 4), ("a", 2, 6), ("b", 0, 1))) == 7


class Recorder:
    def __init__(self, judgement):
        self.judgement, self.premises = judgement, []

    def judge(self, pairs):
        self.premises += [pair.premise for pair in pairs]
        return [self.judgement for _ in pairs]


def ask(found, judgement):
    model = Recorder(judgement)
    return run(entailed("claim", found, BY_ID, 0.5), model.judge), model.premises


def test_the_spans_are_one_premise_in_order_with_full_stops():
    verdict, premises = ask(spans(("a", 6, 8), ("b", 0, 2), ("a", 0, 2)), Judgement(0.5))
    assert verdict is True
    assert premises == ["Title\n\n01. 67.\n\nab."]


def test_no_span_is_not_supported_and_a_failure_is_no_verdict():
    assert ask([], Judgement(0.9)) == (False, [])
    assert ask(spans(("a", 0, 2)), Judgement(0.4))[0] is False
    assert ask(spans(("a", 0, 2)), Judgement(None, failure="down"))[0] is None
