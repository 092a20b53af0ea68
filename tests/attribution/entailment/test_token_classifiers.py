"""Detectors that mark tokens, on a tiny random ModernBERT, against plain forward passes of one pair each."""

from __future__ import annotations

import pytest
import torch
from counterfoil.attribution import Pair, load_entailment, score_citations
from counterfoil.attribution.detail_check import FindingKind
from counterfoil.attribution.entailment.detail_checked import detail_checked
from counterfoil.attribution.entailment.token_classifiers import LettuceDetectEntailment, supported_label
from transformers import AutoModelForTokenClassification, AutoTokenizer

from tests.support.tiny_judges import save_token_classifier

PAIRS = [
    Pair("sun1 rain2 .", "rain2 ."),
    Pair("snow3 .", "sun1 rain2 snow3 sun4 ."),
    Pair("rain5 sun6 rain7 sun8 snow9 .", "sun6 rain1 rain2 ."),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tokens")
    save_token_classifier(made, ["LABEL_0", "LABEL_1"])
    return str(made)


def reference(folder, premise, hypothesis):
    """Words of the statement with the probability that they are supported."""
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(premise, hypothesis, return_tensors="pt")
    words = hypothesis.split()
    with torch.no_grad():
        rows = model(**inputs).logits[0].softmax(-1)[:, 0].tolist()
    return list(zip(words, rows[-len(words) - 1 : -1], strict=True))


def test_a_statement_is_as_well_supported_as_its_worst_token(folder):
    model = load_entailment(f"tokens:{folder}", batch_size=2, device="cpu")
    marked = 0
    for judgement, pair in zip(model.judge(PAIRS), PAIRS, strict=True):
        words = reference(folder, *pair)
        assert judgement.supported == pytest.approx(min(p for _, p in words), abs=1e-5)
        found = " ".join(each.answer for each in judgement.details).split()
        assert found == [word for word, p in words if p < 0.5]
        for each in judgement.details:
            assert each.kind is FindingKind.UNSUPPORTED
            assert pair.hypothesis[each.answer_start : each.answer_end] == each.answer
        marked += len(found)
    assert marked, "a model that marks nothing proves nothing"


def test_lettucedetect_reads_its_own_prompt(folder):
    model = load_entailment(f"lettucedetect:{folder}", device="cpu")
    pair = PAIRS[2]
    prompt = LettuceDetectEntailment.TEMPLATE.format(premise=pair.premise)
    (judgement,) = model.judge([pair])
    assert judgement.supported == pytest.approx(min(p for _, p in reference(folder, prompt, pair.hypothesis)), abs=1e-5)
    assert model.name.startswith(f"tokens:{folder}@")
    assert model.name != load_entailment(f"tokens:{folder}", device="cpu").name


def test_a_long_premise_is_read_in_windows_and_keeps_the_marks(folder):
    model = load_entailment(f"tokens:{folder}", window=40, device="cpu")
    premise = " ".join(f"sun{n} rain{n} ." for n in range(15))
    (judgement,) = model.judge([Pair(premise, "snow1 snow2 snow3 .")])
    start, end = judgement.chunk
    words = reference(folder, premise[start:end], "snow1 snow2 snow3 .")
    assert " ".join(each.answer for each in judgement.details).split() == [w for w, p in words if p < 0.5]


def test_the_marks_stand_in_the_report_beside_those_of_the_detail_check(folder):
    model = load_entailment(f"tokens:{folder}", device="cpu")
    pair = next(pair for pair, judged in zip(PAIRS, model.judge(PAIRS), strict=True) if judged.details)
    answer = f"{pair.hypothesis[:-2]} [1]."
    (statement,) = score_citations(answer, [pair.premise], entailment=detail_checked(model), quotes=False).statements
    assert statement.details
    for detail in statement.details:
        assert f"“{answer[detail.answer_start : detail.answer_end]}”" in detail.message


@pytest.mark.parametrize(
    ("labels", "position"),
    [(["LABEL_0", "LABEL_1"], 0), (["hallucinated", "supported"], 1), (["O", "B-HAL", "I-HAL"], 0)],
)
def test_the_label_of_supported_tokens_is_read_from_the_configuration(labels, position):
    assert supported_label(dict(enumerate(labels))) == position


def test_labels_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="set `id2label`"):
        supported_label({0: "good", 1: "bad"})
