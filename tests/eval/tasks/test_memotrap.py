"""MemoTrap: reading, scoring and what is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import Decoder
from counterfoil.eval.aggregate import likeliest
from counterfoil.eval.dataset import Dataset, limited
from counterfoil.eval.engines.teacher_forcing import option_log_probabilities
from counterfoil.eval.tasks.memotrap import TASK

from tests.support.tasks import evaluated, tiny_models
from tests.support.tiny_language import tiny_language

LINES = [
    {"prompt": f"w5 w{a} : w{a + 1} w7", "classes": f"[' w{a + 2}', ' w{a + 3} w9']", "answer_index": a % 2}
    for a in range(10, 80)
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "traps.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def source(text: str) -> Dataset:
    return Dataset("traps.jsonl", "", text)


def test_the_instruction_ends_at_the_first_colon() -> None:
    line = {
        "prompt": 'Write a quote that ends in the word "me": Admiration: our polite recognition of',
        "classes": "[' ourselves.', ' me.']",
        "answer_index": 1,
    }
    (item,) = TASK.read(source(json.dumps(line) + "\n"), tiny_models())
    assert item.request.prompt == line["prompt"]
    assert item.request.contrast == "Admiration: our polite recognition of"
    assert (item.request.options, item.facts["answer"]) == ((" ourselves.", " me."), 1)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        '{"prompt": "no colon", "classes": "[\'a\', \'b\']", "answer_index": 0}',
        '{"prompt": "a: b", "classes": "[\'a\', \'b\']", "answer_index": 2}',
        '{"prompt": "a: b", "classes": "[\'a\']", "answer_index": 0}',
        '{"prompt": "a: b", "classes": "__import__(\'os\')", "answer_index": 0}',
    ],
)
def test_a_line_of_another_kind_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"line 3 of traps\.jsonl has to be a MemoTrap item"):
        TASK.read(source(f"{json.dumps(LINES[0])}\n\n{line}\n"), tiny_models())


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ValueError, match="is empty"):
        TASK.read(source("\n"), tiny_models())


@pytest.mark.parametrize(("values", "right"), [((-1.0, -2.0), True), ((-2.0, -1.0), False), ((-1.0, -1.0), False)])
def test_the_answer_has_to_be_the_likelier_ending(values: tuple[float, float], right: bool) -> None:
    assert (likeliest(values) == 0) is right
    assert (likeliest(values[::-1]) == 1) is right


def test_figures_follow_from_the_likelihoods(file: Path) -> None:
    language = tiny_language()
    methods = [Decoding("none"), Decoding("cad", {"strength": 5.0})]
    result = evaluated(TASK, file, methods)
    items = TASK.read(Dataset.read(file), tiny_models())
    scores = option_log_probabilities([Decoder(m, language) for m in methods], [item.request for item in items])
    right = [
        [values[line["answer_index"]] == max(values) for line, values in zip(LINES, s, strict=True)] for s in scores
    ]
    plain, cad = (row.figures for row in result.rows)
    assert plain["accuracy"].value == pytest.approx(sum(right[0]) / len(LINES))
    assert cad["accuracy"].value == pytest.approx(sum(right[1]) / len(LINES))
    assert cad["gained"].value == sum(b and not a for a, b in zip(*right, strict=True)) > 0
    assert cad["lost"].value == sum(a and not b for a, b in zip(*right, strict=True)) > 0
    assert "difference" not in plain
    assert [row[0] for row in result.table()] == ["method", "none", "cad (strength 5)"]


def test_what_is_recorded_is_complete(file: Path) -> None:
    result = evaluated(TASK, file, [Decoding("none"), Decoding("cad")], limit=5, seed=3)
    recorded = json.loads(result.as_json())
    assert recorded["data"]["file"] == "traps.jsonl"
    assert recorded["data"]["n"] == 5
    assert len(recorded["data"]["sha256"]) == 64
    assert recorded["rows"][1]["settings"] == {"strength": 0.5}
    engine = {"engine": "transformers", "revision": None, "dtype": "float32", "chat": False}
    assert recorded["settings"] == {"limit": 5, "seed": 3, **engine}
    assert set(recorded["versions"]) == {"python", "counterfoil", "torch", "transformers", "scipy"}
    samples = [json.loads(line) for line in result.samples_as_jsonl().splitlines()]
    assert [sample["method"] for sample in samples] == ["none"] * 5 + ["cad (strength 0.5)"] * 5
    assert [sample["item"] for sample in samples[:5]] == [sample["item"] for sample in samples[5:]]


def test_endings_that_a_method_rules_out_are_counted_as_wrong_and_told(file: Path) -> None:
    strict = Decoding("contrastive_decoding", {"early_exit": 1, "plausibility": 1.0})
    result = evaluated(TASK, file, [strict])
    excluded = [
        sample for sample in map(json.loads, result.samples_as_jsonl().splitlines())
        if sample["response"] == [None, None]
    ]  # fmt: skip
    assert excluded
    assert not any(sample["score"]["accuracy"] for sample in excluded)
    assert f"{len(excluded)} item(s) with equally likely options" in result.notes[0]


def test_a_limit_draws_by_its_seed_in_the_order_of_the_file() -> None:
    items = list(range(100))
    assert limited(items, 10, 1) == limited(items, 10, 1) == sorted(limited(items, 10, 1))
    assert limited(items, 10, 1) != limited(items, 10, 2)
    assert limited(items, None, 1) == limited(items, 100, 1) == items
    with pytest.raises(ValueError, match="`limit` has to be at least 1"):
        limited(items, 0, 1)
