"""What the benchmarks of drafts rely on: prompts as long as they say, and models that are what they are called."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from counterfoil.models import LanguageModel, load_language_model

from benchmarks.grounded_prompts import grounded_prompts, in_batches
from benchmarks.synthetic_pairs import deepened, noised, with_layers
from tests.support.tiny_models import random_prompts, tiny_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


def test_long_prompts_end_as_the_short_ones(lm: LanguageModel) -> None:
    short, long = grounded_prompts(lm.tokenizer), grounded_prompts(lm.tokenizer, 1024)
    assert [prompt.name for prompt in long] == [prompt.name for prompt in short]
    for before, after in zip(short, long, strict=True):
        assert abs(after.main["input_ids"].shape[1] - 1024) < 8, after.name
        end = before.main["input_ids"][0, -100:]
        assert torch.equal(after.main["input_ids"][0, -100:], end), after.name
        assert torch.equal(after.contrast["input_ids"], before.contrast["input_ids"])


def test_prompts_longer_than_the_documents_are_refused(lm: LanguageModel) -> None:
    with pytest.raises(ValueError, match=r"`tokens` has to be \d+ less at least"):
        grounded_prompts(lm.tokenizer, 5000)


def test_batches_hold_prompts_of_one_kind_padded_on_the_left(lm: LanguageModel) -> None:
    prompts = {prompt.name: prompt for prompt in grounded_prompts(lm.tokenizer)}
    batches = in_batches(list(prompts.values()), 4, lm.tokenizer)
    assert [batch.kind for batch in batches] == ["quoting", "quoting", "half quoting", "not quoting"]
    for batch in batches:
        rows = [prompts[name] for name in batch.name.split(" + ")]
        assert len(rows) == 4
        assert {row.kind for row in rows} == {batch.kind}
        for view in ("main", "contrast"):
            padded = getattr(batch, view)
            for row, ids, mask in zip(rows, padded["input_ids"], padded["attention_mask"], strict=True):
                own = getattr(row, view)["input_ids"][0]
                assert torch.equal(ids[-len(own) :], own)
                assert mask.tolist() == [0] * (len(ids) - len(own)) + [1] * len(own)


@torch.no_grad()
def test_a_deeper_expert_computes_the_same_on_a_cache_of_its_own() -> None:
    model = tiny_model("llama")
    ids = torch.tensor(random_prompts([7], 0))
    deep = deepened(model, 3)
    assert deep.config.num_hidden_layers == 3 * model.config.num_hidden_layers
    output = deep(ids, use_cache=True)
    torch.testing.assert_close(output.logits, model(ids).logits)
    assert [layer.get_seq_length() for layer in output.past_key_values.layers] == [7] * 12
    assert model.config.num_hidden_layers == 4


@torch.no_grad()
def test_amateurs_are_worse_models() -> None:
    model = tiny_model("llama")
    ids = torch.tensor(random_prompts([7], 0))
    exact = model(ids).logits
    apart = [float((amateur(ids).logits - exact).abs().mean()) for amateur in (noised(model, 0.01), noised(model, 0.1))]
    assert 0 < apart[0] < apart[1]
    first = with_layers(model, range(2))
    hidden = model(ids, output_hidden_states=True).hidden_states[2]
    expected = model.lm_head(model.model.norm(hidden))
    torch.testing.assert_close(first(ids).logits, expected)
    torch.testing.assert_close(model(ids).logits, exact)


def test_the_demo_is_that_of_the_makefile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from demo import QUESTION  # noqa: PLC0415

    sys.modules.pop("demo")
    found = re.search(r"^QUESTION := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    assert found[1] == QUESTION
