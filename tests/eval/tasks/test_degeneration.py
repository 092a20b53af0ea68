"""Degeneration: which paragraphs are used, what is generated and what is measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from counterfoil.decoding import contrastive_search
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.measures.repetition import counts_by_order, diversity, rep
from counterfoil.eval.measuring_models import MeasuringModels
from counterfoil.eval.runner import run
from counterfoil.eval.task import with_options
from counterfoil.eval.tasks.degeneration import TASK

from tests.support.tasks import TinyEmbedding, evaluated, tiny_models
from tests.support.tiny_language import text, tiny_language
from tests.support.tiny_models import random_prompts

LONG = [[max(token, 4) for token in ids] for ids in random_prompts([20, 24, 18, 22], seed=4)]
SMALL = with_options(TASK, {"prefix_tokens": 6, "new_tokens": 12})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "running.txt"
    heading, short = " = w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17 w18 w19 w20 w21 w22 = ", "w5 w6 w7"
    lines = [heading, "", text(LONG[0]), short, f" {text(LONG[1])} ", " = = w5 = = ", text(LONG[2]), text(LONG[3])]
    path.write_text("\n".join(lines))
    return path


def generated(prefix: list[int], **options: object) -> str:
    language = tiny_language()
    ids = torch.tensor([prefix])
    output = language.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=12,
        pad_token_id=0,
        **options,
    )
    return language.tokenizer.decode(output[0, len(prefix) :], skip_special_tokens=True)


def test_long_paragraphs_are_cut_in_two(file: Path) -> None:
    found = SMALL.read(Dataset.read(file), tiny_models())
    assert [list(item.request.tokens) for item in found] == [ids[:6] for ids in LONG]
    assert [item.request.prompt for item in found] == [text(ids[:6]) for ids in LONG]
    assert [item.facts["reference"] for item in found] == [text(ids[6:18]) for ids in LONG]


def test_continuations_in_a_batch_are_those_of_each_prefix_alone(file: Path) -> None:
    methods = [Decoding("none"), Decoding("contrastive_search", {"penalty_alpha": 0.5, "top_k": 3})]
    result = evaluated(SMALL, file, methods, batch_size=3)
    samples = [json.loads(line) for line in result.samples_as_jsonl().splitlines()]
    plain = [generated(ids[:6]) for ids in LONG]
    searched = [generated(ids[:6], custom_generate=contrastive_search, penalty_alpha=0.5, top_k=3) for ids in LONG]
    label = "contrastive_search (penalty_alpha 0.5, top_k 3)"
    assert [sample["response"] for sample in samples if sample["method"] == "none"] == plain
    assert [sample["response"] for sample in samples if sample["method"] == label] == searched
    assert plain != searched
    for row, texts in zip(result.rows, (plain, searched, [text(ids[6:18]) for ids in LONG]), strict=True):
        counts, ones = [counts_by_order(text.split()) for text in texts], np.ones((1, len(texts)))
        assert row.figures["diversity"].value == pytest.approx(diversity(counts)(ones)[0])
        assert row.figures["rep-2"].value == pytest.approx(rep(counts, 2)(ones)[0])
    assert [row.label for row in result.rows] == ["none", label, "the authors"]


def test_progress_ends_at_all_texts_of_all_methods(file: Path) -> None:
    calls = []
    methods = [Decoding("none"), Decoding("dola", {"layers": 1})]
    evaluated(SMALL, file, methods, batch_size=2, limit=3, progress=lambda *done: calls.append(done))
    assert calls == [(2, 6), (3, 6), (5, 6), (6, 6)]


def test_the_off_by_one_is_recorded_where_it_is_asked_for(file: Path) -> None:
    result = evaluated(with_options(SMALL, {"simctg_compatible": True}), file, [Decoding("none")])
    authors = [text(ids[6:18]) for ids in LONG]
    counts = [counts_by_order(text.split(), simctg_compatible=True) for text in authors]
    assert result.rows[1].figures["rep-2"].value == rep(counts, 2, rounded=True)(np.ones((1, len(authors))))[0]
    assert json.loads(result.as_json())["settings"]["simctg_compatible"] is True


def test_what_measured_is_recorded(file: Path) -> None:
    models = MeasuringModels(tiny_models().load_tokenizer, "a model", "another")
    models.__dict__.update(language=tiny_language(), embedding=TinyEmbedding())
    result = run(SMALL, LocalEngine(tiny_language()), [Decoding("none")], Dataset.read(file), models=models)
    recorded = json.loads(result.as_json())["settings"]
    assert (recorded["measuring_model"], recorded["embedding_model"]) == ("a model", "another")


def test_methods_that_compare_prompts_are_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="but cad compares two prompts, and degeneration has one"):
        evaluated(SMALL, file, [Decoding("cad")])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"prefix_tokens": 0}, "`prefix_tokens` has to be at least 1, but is 0"),
        ({"new_tokens": 0}, "`new_tokens` has to be at least 1, but is 0"),
        ({"new_tokens": 100}, "has to hold a paragraph of 106 tokens, but holds none"),
    ],
)
def test_sizes_that_cannot_be_met_are_refused(file: Path, sizes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluated(with_options(SMALL, sizes), file, [Decoding("none")])
