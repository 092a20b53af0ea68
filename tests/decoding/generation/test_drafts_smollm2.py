"""Drafts on SmolLM2 and the example documents: the same text, in fewer forwards where it quotes them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, CIDLogitsProcessor, batched_views
from counterfoil.models import LanguageModel, load_language_model

from benchmarks.grounded_prompts import TASKS, GroundedPrompt, grounded_prompts
from tests.support.drafts import counted_forwards

NEW = 24


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


@pytest.fixture(scope="module")
def prompts(lm: LanguageModel) -> list[GroundedPrompt]:
    return grounded_prompts(lm.tokenizer)


def decoded(lm: LanguageModel, processor: Any, inputs: Any, **options: Any) -> tuple[list[list[int]], int]:
    """Return the new tokens, and how many forwards they took behind the first."""
    model: Any = lm.model
    torch.manual_seed(0)
    given = {"do_sample": False, "max_new_tokens": NEW, "custom_generate": batched_views, **options}
    with counted_forwards(model) as shapes:
        output = model.generate(**inputs, logits_processor=[processor], **given)
    return output[:, inputs["input_ids"].shape[1] :].tolist(), len(shapes) - 1


def test_the_prompts_are_of_all_kinds(prompts: list[GroundedPrompt]) -> None:
    assert {prompt.kind for prompt in prompts} == set(TASKS)
    assert len({prompt.name for prompt in prompts}) == len(prompts) > 20


@pytest.mark.parametrize("kind", TASKS)
def test_tokens_are_those_without_drafts(lm: LanguageModel, prompts: list[GroundedPrompt], kind: str) -> None:
    tokens = forwards = 0
    for prompt in [prompt for prompt in prompts if prompt.kind == kind][::4]:
        cad = CADLogitsProcessor(lm.model, prompt.contrast, strength=0.5)
        expected, steps = decoded(lm, cad, prompt.main)
        found, drafted_steps = decoded(lm, cad, prompt.main, prompt_lookup_num_tokens=10)
        assert found == expected, prompt.name
        assert drafted_steps <= steps
        tokens, forwards = tokens + steps, forwards + drafted_steps
    if kind == "quoting":
        assert tokens > 1.6 * forwards


def test_a_seed_gives_the_same_samples(lm: LanguageModel, prompts: list[GroundedPrompt]) -> None:
    quoting = next(prompt for prompt in prompts if prompt.kind == "quoting")
    cid = CIDLogitsProcessor(lm.model, quoting.contrast, strength=5.0)
    options = {"do_sample": True, "temperature": 0.7, "top_p": 0.9}
    expected, _ = decoded(lm, cid, quoting.main, **options)
    assert decoded(lm, cid, quoting.main, **options, prompt_lookup_num_tokens=10)[0] == expected


def test_a_padded_batch_in_step(lm: LanguageModel, prompts: list[GroundedPrompt]) -> None:
    some = [prompt for prompt in prompts if prompt.name.startswith(("ferry", "island"))]

    def batch(rows: list[Any]) -> Any:
        return lm.tokenizer.pad({"input_ids": [row["input_ids"][0].tolist() for row in rows]}, return_tensors="pt")

    inputs, contrasts = (batch([getattr(prompt, view) for prompt in some]) for view in ("main", "contrast"))
    cad = CADLogitsProcessor(lm.model, contrasts, strength=0.5)
    expected, steps = decoded(lm, cad, inputs, pad_token_id=lm.tokenizer.pad_token_id)
    found, drafted_steps = decoded(lm, cad, inputs, pad_token_id=lm.tokenizer.pad_token_id, prompt_lookup_num_tokens=10)
    assert found == expected
    assert drafted_steps <= steps
