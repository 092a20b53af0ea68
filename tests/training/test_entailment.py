"""Training of the local entailment model: it learns, it repeats itself, and its parts do what they say."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from counterfoil.attribution.entailment import Pair
from counterfoil.attribution.entailment.local import LocalEntailment
from counterfoil.attribution.entailment.local.adapter import AdapterSettings, save_adapter, word_norm
from counterfoil.attribution.entailment.local.encoding import Row
from counterfoil.attribution.entailment.local.network import batch
from counterfoil.eval.labelled_pairs import LabelledPair, balanced_accuracy
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

from tests.support.coloured_pairs import COLOURS, THINGS, coloured
from training.entailment.calibration import supported_probability, temperature
from training.entailment.contrast import (
    CHANGES,
    Change,
    changed,
    contrasts,
    documents,
    ending,
    name_changed,
    names_exchanged,
    number_changed,
    word_changed,
)
from training.entailment.lora import adapter_weights, build
from training.entailment.optimisation import MovingAverage, micro_batches, negative_log_likelihood, schedule
from training.entailment.recipe import Recipe
from training.entailment.sampling import Sampler, class_weights, rows_of
from training.entailment.train import train


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    words = ["the", "is", "number", "a", ".", *COLOURS, *THINGS, *"0123456789", *(f"##{d}" for d in "0123456789")]
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    BertWordPieceTokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    BertTokenizerFast(tokenizer_file=str(folder / "tokenizer.json")).save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=128,
        )
    ).save_pretrained(folder)
    return str(folder)


QUICK = Recipe(
    rank=4, alpha=8, hidden=16, window=48, least=24, epochs=12, pairs_per_step=24, learning_rate=1e-2, held_out=40,
    average=0.9, contrast=0, shares={"two": 0.5},
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tiny_base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapter")
    return train(coloured(240), QUICK, out, base=tiny_base, check_every=40)


def test_training_learns_and_its_adapter_runs(trained: Path, tiny_base: str) -> None:
    model = LocalEntailment(model=trained, base=tiny_base, device="cpu")
    pairs = coloured(60, seed=1)
    judged = model.judge([Pair(pair.premise, pair.hypothesis) for pair in pairs])
    verdicts = [one.supported is not None and one.supported >= model.threshold for one in judged]
    assert balanced_accuracy([pair.supported for pair in pairs], verdicts) > 0.8
    stored = json.loads((trained / "adapter.json").read_text())
    assert stored["notes"]["recipe"]["rank"] == 4
    assert stored["notes"]["held_out"]["mean"] > 0.8
    assert 0 < model.threshold < 1


def test_the_same_seed_gives_the_same_weights(trained: Path, tiny_base: str, tmp_path: Path) -> None:
    again = train(coloured(240), QUICK, tmp_path, base=tiny_base, check_every=40)
    assert (again / "adapter.safetensors").read_bytes() == (trained / "adapter.safetensors").read_bytes()


def test_merged_weights_judge_like_the_trained_network(tiny_base: str, tmp_path: Path) -> None:
    recipe = Recipe(rank=4, alpha=8, hidden=16, window=48, least=24)
    tokenizer, network = build(tiny_base, recipe)
    with torch.no_grad():
        for weight in (weight for weight in network.parameters() if weight.requires_grad):
            weight.normal_(std=0.2)
            weight.copy_(weight.half())
    settings = AdapterSettings(
        base="tiny", base_norm=word_norm(network.encoder), scale=2.0, hidden=16, window=48, least=24,
        temperature=1.0, threshold=0.5,
    )  # fmt: skip
    save_adapter(tmp_path, settings, adapter_weights(network), {})
    pairs = coloured(8)
    network.eval()
    with torch.inference_mode():
        expected = network(*batch(rows_of(pairs, tokenizer, recipe))).softmax(-1)
    model = LocalEntailment(model=tmp_path, base=tiny_base, device="cpu")
    got = model.judge([Pair(p.premise, p.hypothesis) for p in pairs])
    assert [j.supported for j in got] == pytest.approx(expected[:, 0].tolist(), abs=1e-5)
    assert [j.contradicted for j in got] == pytest.approx(expected[:, 2].tolist(), abs=1e-5)
    assert expected[:, 0].std() > 0.005


def test_training_needs_pairs_on_several_premises(tiny_base: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than one premise"):
        train(coloured(1), QUICK, tmp_path, base=tiny_base)


def test_two_way_labels_sum_what_they_do_not_tell_apart() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]] * 5))
    labels = ["supported", "entailment", "neutral", "contradiction", "not_supported"]
    losses = negative_log_likelihood(logits, labels, smoothing=0.0)
    assert torch.exp(-losses).tolist() == pytest.approx([0.5, 0.5, 0.3, 0.2, 0.5])
    smooth = negative_log_likelihood(logits, labels, smoothing=1.0)
    assert smooth.tolist() == pytest.approx([-(math.log(0.5) + math.log(0.3) + math.log(0.2)) / 3] * 5)


def test_each_side_of_a_source_weighs_the_same() -> None:
    pairs = [LabelledPair("p", "h", label, "s") for label in ["supported"] * 3 + ["not_supported"]]
    weights = class_weights(pairs)
    assert weights == {("s", "supported"): pytest.approx(4 / 6), ("s", "not_supported"): pytest.approx(2.0)}


def test_the_rate_rises_then_falls_to_zero() -> None:
    assert schedule(0.05, 0.1) == pytest.approx(0.5)
    assert schedule(0.1, 0.1) == pytest.approx(1.0)
    assert schedule(0.55, 0.1) == pytest.approx(0.5)
    assert schedule(1.0, 0.1) == pytest.approx(0.0)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(60, 400))
def test_micro_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    rows = [Row([1] * n, [0] * n, [0] * n, 0, 1) for n in lengths]
    groups = micro_batches(rows, budget)
    assert sorted(i for group in groups for i in group) == list(range(len(rows)))
    for group in groups:
        longest = max(lengths[i] for i in group)
        assert longest * len(group) <= budget
        assert min(lengths[i] for i in group) >= 0.6 * longest


def test_the_average_is_swapped_in_and_out() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = MovingAverage(layer, decay=0.5)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average.update()  # the first steps keep less: (1 + 1) / (10 + 1) of the old average
    average.swap()
    assert layer.weight.item() == pytest.approx(1 - 2 / 11)
    average.swap()
    assert layer.weight.item() == 1.0


def test_a_share_is_gone_through_before_it_is_repeated(tiny_base: str) -> None:
    tokenizer, _ = build(tiny_base, QUICK)
    pairs = coloured(20)
    sampler = Sampler(pairs, tokenizer, QUICK, random.Random(0))
    first, second = (sampler.epoch()[0] for _ in range(2))
    two = [[str(p) for p in epoch if p.source == "two"] for epoch in (first, second)]
    assert sorted(two[0] + two[1]) == sorted(str(p) for p in pairs if p.source == "two")
    assert sorted(str(p) for p in first if p.source == "three") == sorted(str(p) for p in pairs if p.source == "three")


TEXT = [
    "The mill at Orrin was rebuilt in 1832 after a fire destroyed its roof.",
    "A brewer called Tomas Lind bought the mill from the Hale family.",
    "It grinds rye and barley for nine villages in the valley today.",
]


@pytest.mark.parametrize("change", CHANGES)
@given(seed=st.integers(0, 10_000))
def test_a_change_replaces_one_detail_and_keeps_the_rest(change: Change, seed: int) -> None:
    for sentence in TEXT:
        other = change(sentence, TEXT, random.Random(seed))
        if other is None:
            continue
        assert other != sentence
        whole = " ".join(TEXT)
        if change is names_exchanged:
            assert sorted(other.replace(".", "").split()) == sorted(sentence.replace(".", "").split())
        elif change is word_changed:
            was, now = next(a_b for a_b in zip(sentence.split(), other.split(), strict=True) if a_b[0] != a_b[1])
            assert now.strip(".") in whole
            assert ending(now.strip(".")) == ending(was.strip("."))


def test_what_each_change_does_by_hand() -> None:
    draw = random.Random(0)
    assert number_changed("It has 7 rooms", [], draw) in {f"It has {d} rooms" for d in "12345689"}
    assert name_changed("He met Ann", ["She met Bob"], draw) == "He met Bob"
    assert names_exchanged("So Ann beat Bob", [], draw) == "So Bob beat Ann"
    assert names_exchanged("we saw Ann and Bob", [], draw) is None, "a list stays true"
    assert word_changed("lit at dusk", ["it opens", "seen at dawn"], draw) in {"lit at dawn", "lit at seen"}
    assert changed("so it is", ["so it is"], ["so it is"], draw) is None


def test_contrasts_are_what_they_say() -> None:
    texts = documents([LabelledPair(" ".join(TEXT), "h", "supported", "s")])
    assert texts == [TEXT]
    pairs = contrasts(texts, 200, random.Random(0))
    assert len(pairs) >= 200
    for pair in pairs:
        assert (pair.hypothesis in pair.premise) == pair.supported
    assert 0.25 < sum(pair.supported for pair in pairs) / len(pairs) < 0.6


def test_temperature_undoes_a_known_sharpening() -> None:
    draw = np.random.default_rng(0)
    true_logits = np.stack([draw.normal(0, 1.5, 4000), np.zeros(4000), np.full(4000, -20.0)], axis=1)
    truth = draw.random(4000) < supported_probability(true_logits)
    assert temperature(2.5 * true_logits, truth, ["s"] * 4000) == pytest.approx(2.5, rel=0.12)
