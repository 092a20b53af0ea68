"""The models on tiny random checkpoints of their real classes, against plain forward passes of one pair each."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from counterfoil.attribution import Judgement, Pair, load_entailment
from counterfoil.attribution.entailment.checkpoints import full_name
from counterfoil.attribution.entailment.classifiers import label_positions
from counterfoil.models.checkpoints import folder_revision, in_halves
from safetensors.torch import save_file
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    T5ForTokenClassification,
)

PAIRS = [
    Pair("sun1 rain2 .", "rain2 ."),
    Pair("snow3 .", "sun1 rain2 snow3 sun4 ."),
    Pair("rain5 sun6 rain7 sun8 snow9 .", "sun6 ."),
    Pair("sun1 rain2 .", "snow3 ."),
]
LONG = Pair(". ".join(f"sun{n} rain{n} snow{n}" for n in range(15)) + ".", "rain7 .")


def reference_t5(folder, pair):
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = f"premise: {pair.premise} hypothesis: {pair.hypothesis}"
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=torch.tensor([[0]])).logits[0, 0]
        written = model.generate(**inputs, max_new_tokens=10, do_sample=False)
    no, yes = (tokenizer(label, add_special_tokens=False).input_ids[0] for label in "01")
    label = tokenizer.decode(written[0], skip_special_tokens=True)
    return float(torch.sigmoid(logits[yes] - logits[no])), label == "1"


@pytest.mark.parametrize("name", ["true", "trueteacher"])
def test_t5_gives_the_softmax_of_two_tokens_and_the_label_it_writes(name, t5_folder):
    model = load_entailment(name, model=str(t5_folder), batch_size=3, device="cpu")
    assert model.name == f"{name}:{t5_folder}@{folder_revision(t5_folder)}/2048"
    for judgement, pair in zip(model.judge(PAIRS), PAIRS, strict=True):
        probability, label = reference_t5(t5_folder, pair)
        assert judgement.supported == pytest.approx(probability, abs=1e-5)
        assert judgement.decided is label
        assert (judgement.contradicted, judgement.chunk) == (None, None)


def test_weights_that_come_into_a_folder_later_get_another_name(tmp_path):
    """Judgements are remembered by name: those of the old weights must not be taken for the new ones."""
    loaded = SimpleNamespace(config=SimpleNamespace(_commit_hash=None), dtype=torch.float32)
    (tmp_path / "model.safetensors").write_bytes(b"old")
    first = full_name("nli", str(tmp_path), loaded)
    assert full_name("nli", str(tmp_path), loaded) == first
    (tmp_path / "model.safetensors").write_bytes(b"newer")
    assert full_name("nli", str(tmp_path), loaded) != first


def test_a_name_tells_commit_and_precision():
    hub = SimpleNamespace(config=SimpleNamespace(_commit_hash="abc"), dtype=torch.bfloat16)
    assert full_name("nli", "some/model", hub) == "nli:some/model@abc+bfloat16"


def test_the_label_counts_only_where_it_is_all_that_was_written(t5_folder, monkeypatch):
    model = load_entailment("true", model=str(t5_folder), device="cpu")
    one, zero = (model.tokenizer(label, add_special_tokens=False).input_ids[0] for label in "10")
    sequences = torch.tensor([[0, one, 1], [0, one, zero], [0, zero, 1], [0, 1, 1]])
    written = SimpleNamespace(sequences=sequences, logits=[torch.zeros(4, 100)])
    monkeypatch.setattr(model.model, "generate", lambda **_: written)
    judged = model.judge(PAIRS)
    assert [judgement.decided for judgement in model.score(PAIRS)] == [True, False, False, False]
    assert [judgement.supported for judgement in judged] == [0.5] * 4


def test_t5_reads_a_long_premise_in_windows(t5_folder):
    model = load_entailment("true", model=str(t5_folder), window=40, device="cpu")
    (judgement,) = model.judge([LONG])
    start, end = judgement.chunk
    assert (start, end) != (0, len(LONG.premise))
    expected = reference_t5(t5_folder, Pair(LONG.premise[start:end], LONG.hypothesis))
    assert judgement.supported == pytest.approx(expected[0], abs=1e-5)
    (whole,) = load_entailment("true", model=str(t5_folder), window=None, device="cpu").judge([LONG])
    assert whole.supported == pytest.approx(reference_t5(t5_folder, LONG)[0], abs=1e-5)


def reference_classifier(folder, *texts):
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(*texts, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).logits[0].softmax(-1).tolist()


@pytest.mark.parametrize("family", ["roberta", "deberta"])
@pytest.mark.parametrize(
    ("labels", "entailment", "contradiction"),
    [
        (["contradiction", "neutral", "entailment"], 2, 0),
        (["entailment", "neutral", "contradiction"], 0, 2),
        (["entailment", "not_entailment"], 0, None),
    ],
)
def test_nli_reads_the_order_of_its_labels(family, labels, entailment, contradiction, classifiers):
    folder = classifiers(family, labels)
    model = load_entailment(f"nli:{folder}", batch_size=3, device="cpu")
    for judgement, pair in zip(model.judge(PAIRS), PAIRS, strict=True):
        row = reference_classifier(folder, *pair)
        assert judgement.supported == pytest.approx(row[entailment], abs=1e-5)
        if contradiction is None:
            assert judgement.contradicted is None
        else:
            assert judgement.contradicted == pytest.approx(row[contradiction], abs=1e-5)


def test_nli_never_exceeds_its_window(classifiers):
    folder = classifiers("roberta", ["contradiction", "neutral", "entailment"])
    model = load_entailment("nli", model=str(folder), device="cpu")
    (judgement,) = model.judge([LONG])
    start, end = judgement.chunk
    row = reference_classifier(folder, LONG.premise[start:end], LONG.hypothesis)
    assert judgement.supported == pytest.approx(row[2], abs=1e-5)
    (crowded,) = model.judge([Pair("sun1 .", "rain2 " * 60)])
    assert "leaves no room" in crowded.failure


def test_labels_that_say_nothing_are_refused(classifiers):
    with pytest.raises(ValueError, match="one label that means entailment"):
        load_entailment("nli", model=str(classifiers("roberta", ["LABEL_0", "LABEL_1"])))


@pytest.mark.parametrize(
    ("labels", "positions"),
    [
        (["SUPPORTS", "REFUTES", "NOT ENOUGH INFO"], (0, 1)),
        (["Inconsistent", "consistent"], (1, 0)),
        (["not_entailment", "entailment"], (1, None)),
    ],
)
def test_label_positions(labels, positions):
    assert label_positions(dict(enumerate(labels))) == positions


@pytest.mark.parametrize("family", ["roberta", "deberta"])
def test_minicheck_classifiers(family, classifiers):
    folder = classifiers(family, ["LABEL_0", "LABEL_1"])
    model = load_entailment("minicheck", model=str(folder), batch_size=2, device="cpu")
    for judgement, pair in zip(model.judge(PAIRS), PAIRS, strict=True):
        row = reference_classifier(folder, f"{pair.premise}</s>{pair.hypothesis}")
        assert judgement.supported == pytest.approx(row[1], abs=1e-5)


def test_minicheck_reads_chunks_of_one_length_that_never_overflow(classifiers):
    folder = classifiers("roberta", ["LABEL_0", "LABEL_1"])
    model = load_entailment("minicheck", model=str(folder), window=10, device="cpu")
    (judgement,) = model.judge([LONG])
    start, end = judgement.chunk
    assert model.count(LONG.premise[start:end]) <= 10
    assert model.budget("rain7 " * 25, 10) == 40 - 1 - 1 - 8 - 25
    (crowded,) = model.judge([Pair("sun1 .", "rain2 " * 60)])
    assert crowded.supported is None


def test_minicheck_flan_t5(t5_folder):
    model = load_entailment("minicheck", model=str(t5_folder), batch_size=2, device="cpu")
    plain = AutoModelForSeq2SeqLM.from_pretrained(t5_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(t5_folder)
    no, yes = (tokenizer(label, add_special_tokens=False).input_ids[0] for label in "01")
    for judgement, pair in zip(model.judge(PAIRS), PAIRS, strict=True):
        inputs = tokenizer(f"predict: {pair.premise}</s>{pair.hypothesis}", return_tensors="pt")
        with torch.no_grad():
            logits = plain(**inputs, decoder_input_ids=torch.tensor([[0]])).logits[0, 0]
        assert judgement.supported == pytest.approx(float(torch.sigmoid(logits[yes] - logits[no])), abs=1e-5)


@pytest.fixture
def hhem_folder(tmp_path, t5_folder):
    config = AutoModelForSeq2SeqLM.from_pretrained(t5_folder).config
    config.num_labels = 2
    torch.manual_seed(5)
    model = T5ForTokenClassification(config).eval()
    names = {f"t5.{name}": tensor.clone() for name, tensor in model.state_dict().items() if "embed_tokens" not in name}
    save_file(names, tmp_path / "model.safetensors")
    return tmp_path, model


def test_hhem_classifies_the_first_position(hhem_folder, t5_folder):
    folder, plain = hhem_folder
    model = load_entailment("hhem", model=str(folder), foundation=str(t5_folder), batch_size=3, device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(t5_folder)
    for judgement, pair in zip(model.judge(PAIRS), PAIRS, strict=True):
        text = (
            "<pad> Determine if the hypothesis is true given the premise?\n\n"
            f"Premise: {pair.premise}\n\nHypothesis: {pair.hypothesis}"
        )
        with torch.no_grad():
            row = plain(**tokenizer(text, return_tensors="pt")).logits[0, 0].softmax(-1)
        assert judgement.supported == pytest.approx(float(row[1]), abs=1e-5)


def test_hhem_refuses_other_weights(tmp_path, t5_folder):
    save_file({"t5.classifier.weight": torch.zeros(2, 16)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="has to hold a T5 encoder"):
        load_entailment("hhem", model=str(tmp_path), foundation=str(t5_folder), device="cpu")


def test_a_batch_that_does_not_fit_into_memory_is_halved():
    sizes = []

    def score(pairs):
        sizes.append(len(pairs))
        if len(pairs) > 1 or pairs[0].premise == "big":
            raise torch.OutOfMemoryError
        return [Judgement(0.5) for _ in pairs]

    too_large = Judgement(None, failure="does not fit into memory")
    judged = in_halves(score, [Pair("a", "h"), Pair("big", "h"), Pair("b", "h")], too_large)
    assert [judgement.supported for judgement in judged] == [0.5, None, 0.5]
    assert "memory" in judged[1].failure
    assert max(sizes) == 3


def test_nan_is_a_failure_of_its_pair(classifiers, monkeypatch):
    model = load_entailment(f"nli:{classifiers('roberta', ['entailment', 'contradiction'])}", device="cpu")
    forward = model.model.forward

    def overflowing(*arguments, **inputs):
        found = forward(*arguments, **inputs)
        found.logits[1] = torch.nan
        return found

    monkeypatch.setattr(model.model, "forward", overflowing)
    judged = model.judge(PAIRS[:3])
    assert sorted(judgement.supported is None for judgement in judged) == [False, False, True]
    (failed,) = (judgement for judgement in judged if judgement.failure)
    assert "not a number" in failed.failure


def test_trueteacher_can_be_asked_as_laquer_does(t5_folder):
    model = load_entailment("trueteacher", model=str(t5_folder), prompt="laquer", device="cpu")
    assert model.template.format(premise="P", hypothesis="H") == "\nPremise: P\nHypothesis: H\n"
    assert model.name.startswith("trueteacher-laquer:")
    with pytest.raises(ValueError, match="`prompt` has to be one of card, laquer"):
        load_entailment("trueteacher", model=str(t5_folder), prompt="paper")


def test_unknown_names():
    with pytest.raises(ValueError, match="`name` has to be one of local, true"):
        load_entailment("oracle")
