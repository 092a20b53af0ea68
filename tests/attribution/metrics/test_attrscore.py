from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement
from counterfoil.attribution.metrics.attrscore import (
    PROMPTS,
    Attribution,
    attrscore,
    claim,
    classify,
    parse,
    parse_as_released,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score

A, C, E = Attribution


def test_by_hand():
    gold = [A, A, A, C, C, E, E, A]
    predicted = [A, A, E, C, A, E, E, None]
    found = attrscore(gold, predicted)
    assert found.confusion == ((2, 0, 1), (1, 1, 0), (0, 0, 2))
    assert found.classes[A].f1 == pytest.approx(2 / 3)
    assert found.classes[C].f1 == pytest.approx(2 / 3)
    assert found.classes[E].f1 == pytest.approx(4 / 5)
    assert found.micro_f1 == pytest.approx(5 / 7)
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 4 / 5) / 3)
    assert (found.accuracy, found.n, found.n_unparsed) == (5 / 8, 8, 1)


@given(st.lists(st.tuples(st.sampled_from(Attribution), st.sampled_from(Attribution)), min_size=1, max_size=30))
def test_against_scikit_learn(rows):
    gold, predicted = zip(*rows, strict=True)
    found = attrscore(gold, predicted)
    labels = list(Attribution)
    assert [list(row) for row in found.confusion] == confusion_matrix(gold, predicted, labels=labels).tolist()
    options = {"labels": labels, "zero_division": 0}
    assert found.micro_f1 == pytest.approx(f1_score(gold, predicted, average="micro", **options))
    assert found.macro_f1 == pytest.approx(f1_score(gold, predicted, average="macro", **options))


def test_nothing_readable_is_not_a_perfect_score():
    found = attrscore([A, C], [None, None])
    assert (found.micro_f1, found.macro_f1, found.accuracy, found.n_unparsed) == (0.0, 0.0, 0.0, 2)


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("Attributable", A),
        ("The claim is CONTRADICTORY.", C),
        ("Not Enough Information", E),
        ("not attributable", E),
        ("Not attributable, it is extrapolatory.", E),
        ("At first it looks attributable, but it is contradictory.", None),
        ("inconsistent", C),
        ("The claim is not supported by the reference.", E),
        ("not consistent", E),
        ("Support", A),
        ("The source text can support the summary.", A),
        ("Contradict", C),
        ("It contradicts the source.", C),
        ("The source does not support the summary.", E),
        ("It doesn't fully support it.", E),
        ("It cannot support the claim.", E),
        ("The claim cannot be supported.", E),
        ("non-attributable", E),
        ("It is not contradicted.", None),
        ("No idea", None),
        ("", None),
    ],
)
def test_parse(output, label):
    assert parse(output) is label


def test_every_label_of_the_prompts_is_read():
    assert all(parse(label) is kind for labels in PROMPTS.values() for label, kind in labels.items())


@pytest.mark.parametrize(
    ("output", "prompt", "label"),
    [
        ("Attributable", "attribution", A),
        ("not attributable", "attribution", A),
        ("At first it looks attributable, but it is contradictory.", "attribution", A),
        ("SUPPORT", "summarization", A),
        ("It contradicts the source.", "summarization", C),
        ("Not Enough Information", "summarization", None),
        ("Not Enough Information", "fact-checking", None),
        ("Neutral", "nli", E),
        ("Neutral", "attribution", None),
    ],
)
def test_the_released_code_reads_the_first_label_of_its_prompt(output, prompt, label):
    """As `extract_pred_label` of the released notebook, which loses the label of three words."""
    assert parse_as_released(output, prompt) is label


def test_a_prompt_that_is_none_of_attrscore_s_is_refused():
    with pytest.raises(ValueError, match=r"`prompt` has to be one of attribution, .* but is 'own'"):
        parse_as_released("Attributable", "own")


def test_classify():
    assert classify(Judgement(0.8, 0.1), 0.5) is A
    assert classify(Judgement(0.1, 0.8), 0.5) is C
    assert classify(Judgement(0.1, 0.2), 0.5) is E
    assert classify(Judgement(0.1), 0.5) is E
    assert classify(Judgement(None, failure="x"), 0.5) is None


def test_claim():
    assert [claim("Who?", "Ada."), claim("nan", "Ada."), claim(" ", "Ada.")] == ["Who? Ada.", "Ada.", "Ada."]
