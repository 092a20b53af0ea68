"""`counterfoil serve --early-exits` on SmolLM2, over HTTP, with the official client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("vllm", reason="the server is vLLM's")

import torch
from counterfoil.decoding import DExpertsLogitsProcessor, EarlyExit
from counterfoil.models import LanguageModel, load_language_model
from openai import BadRequestError, OpenAI

from tests.support.vllm_server import SMALL, ServerProcess, served

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

NEW = 12
PROMPTS = ["The keeper of the lighthouse wrote that", "The capital of France is", "In school the children"]
EXPERT = "Say it in the words of an old sailor. {}"
EXPERTS = {"cf_method": "dexperts", "cf_strength": 0.5, "cf_early_exit": 15}
TOLD = {"cf_contrast_prompt": "Say it well"}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with served({**SMALL, "early-exits": "15"}) as running:
        yield running
        running.settle()
        assert running.metrics()["counterfoil:violations_total"] == 0


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=240)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


def completed(client: OpenAI, prompt: str, keys: dict[str, Any], **options: Any) -> Any:
    extra = {"vllm_xargs": keys, "return_token_ids": True, "ignore_eos": True}
    return client.completions.create(
        model="smollm2", prompt=prompt, temperature=0, max_tokens=NEW, extra_body=extra, **options
    )


def test_dexperts_with_the_early_exit_as_anti_expert_is_that_of_generate(client: OpenAI, lm: LanguageModel) -> None:
    for prompt in PROMPTS:
        told = EXPERT.format(prompt)
        keys = {**EXPERTS, "cf_contrast_prompt": told}
        found = completed(client, prompt, keys).choices[0].token_ids
        inputs, expert = (lm.tokenizer(text, return_tensors="pt") for text in (prompt, told))
        experts = DExpertsLogitsProcessor(lm.model, [expert, EarlyExit(lm.model, 15)], strength=0.5)
        ids = lm.model.generate(
            **inputs, logits_processor=[experts], max_new_tokens=NEW, do_sample=False, eos_token_id=None
        )
        assert found == ids[0, inputs["input_ids"].shape[1] :].tolist()
        stream = completed(client, prompt, keys, stream=True)
        text = lm.tokenizer.decode(torch.tensor(found), skip_special_tokens=True)
        assert "".join(chunk.choices[0].text for chunk in stream) == text


def test_a_contrast_that_is_an_exit_alone_is_counted(client: OpenAI, server: ServerProcess) -> None:
    before = server.metrics()["counterfoil:pairs_total"]
    completed(client, PROMPTS[0], {"cf_method": "contrastive_decoding", "cf_early_exit": 15})
    assert server.metrics()["counterfoil:pairs_total"] == before + 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {**EXPERTS, "cf_early_exit": 12, **TOLD},
            "one of this engine's early exits (15)",
        ),
        (EXPERTS, "dexperts has to be given 2 contrasts, but is given 1"),
        ({**EXPERTS, **TOLD, "cf_trace": True}, "left out beside `cf_early_exit`"),
        ({**EXPERTS, **TOLD, "cf_early_exit": True}, "otherwise than by true and false"),
    ],
)
def test_what_cannot_be_served_is_answered_with_400(client: OpenAI, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        completed(client, PROMPTS[0], keys)
    assert message in str(refused.value)
