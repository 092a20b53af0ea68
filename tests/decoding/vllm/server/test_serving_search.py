"""`counterfoil serve --contrastive-search` on SmolLM2, over HTTP, with the official client."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("vllm", reason="the server is vLLM's")
pytest.importorskip("schemathesis", reason="it is installed with vLLM, for the tests of its server")

import schemathesis
from counterfoil.models import LanguageModel, load_language_model
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from openai import BadRequestError, OpenAI

from tests.support.search_cases import keys, searched
from tests.support.vllm_server import SMALL, ServerProcess, posted, served

pytestmark = [pytest.mark.engine, pytest.mark.timeout(3600)]

NEW = 16
SEARCH = keys()
PROMPTS = ["DeepMind Company is", "The history of the Roman Empire begins", "def fibonacci(n):\n", "Why do cats purr?"]
CHAT: list[Any] = [{"role": "user", "content": "What is the capital of France, and why is it famous?"}]
CASES = 500 if os.environ.get("COUNTERFOIL_SOAK") else 15
"""At each of the two endpoints."""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with served({**SMALL, "contrastive-search": "", "largest-top-k": "6"}) as running:
        yield running
        running.settle()
        assert running.metrics()["counterfoil:violations_total"] == 0


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=240)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


def completed(client: OpenAI, prompt: Any, xargs: dict[str, Any] | None = SEARCH, **options: Any) -> Any:
    extra = {"vllm_xargs": xargs or {}, "return_token_ids": True, "ignore_eos": True, **options.pop("extra", {})}
    options = {"temperature": 0, "max_tokens": NEW, "model": "smollm2", **options}
    return client.completions.create(prompt=prompt, extra_body=extra, **options)


def chatted(client: OpenAI, xargs: dict[str, Any] | None = SEARCH, **options: Any) -> Any:
    extra = {"vllm_xargs": xargs or {}, "return_token_ids": True, **options.pop("extra", {})}
    options = {"temperature": 0, "max_tokens": NEW, "messages": CHAT, "model": "smollm2", **options}
    return client.chat.completions.create(extra_body=extra, **options)


def test_the_tokens_are_those_of_custom_generate(client: OpenAI, lm: LanguageModel, server: ServerProcess) -> None:
    """All at once, beside plain requests and pairs; both endpoints, streamed or not."""
    before = server.metrics()
    pair = {"cf_method": "cad", "cf_strength": 1.0, "cf_contrast_prompt": "The capital of"}
    ids = [lm.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    right = searched(lm.model, ids, NEW)
    jobs = [(prompt, xargs) for prompt in PROMPTS for xargs in (SEARCH, None, pair)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        found = list(pool.map(lambda job: completed(client, *job).choices[0].token_ids, jobs))
    assert found[::3] == right
    assert all(search != plain for search, plain in zip(found[::3], found[1::3], strict=True))
    after = server.metrics()
    counted = {name: after[f"counterfoil:{name}_total"] - before[f"counterfoil:{name}_total"] for name in COUNTERS}
    assert counted["searches"] == len(PROMPTS)
    assert counted["search_steps"] >= NEW - 1
    assert counted["extra_forwards"] >= 1
    assert counted["fallbacks"] == 0

    answer = chatted(client).choices[0]
    chat = answer.token_ids
    prompt = chatted(client).prompt_token_ids
    assert chat == searched(lm.model, [prompt], len(chat))[0]
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chatted(client, stream=True))
    assert streamed == answer.message.content


COUNTERS = ("searches", "search_steps", "extra_forwards", "fallbacks")


def test_stop_strings_bias_and_grammar(client: OpenAI, server: ServerProcess) -> None:
    whole = completed(client, PROMPTS[1])
    stop = whole.choices[0].text.split()[3]
    ended = completed(client, PROMPTS[1], stop=[stop]).choices[0]
    assert (ended.finish_reason, ended.text) == ("stop", whole.choices[0].text[: whole.choices[0].text.index(stop)])
    banned = whole.choices[0].token_ids[2]
    biased = completed(client, PROMPTS[1], logit_bias={str(banned): -100}).choices[0].token_ids
    assert biased[:2] == whole.choices[0].token_ids[:2]
    assert banned not in biased
    pattern = r"[A-Z][a-z ]{8,20}\."
    held = completed(
        client, PROMPTS[0], max_tokens=40, extra={"structured_outputs": {"regex": pattern}, "ignore_eos": False}
    )
    assert re.fullmatch(pattern, held.choices[0].text)
    assert server.metrics()["counterfoil:fallbacks_total"] > 0


def test_a_client_that_leaves_takes_its_request_with_it(client: OpenAI, server: ServerProcess) -> None:
    right = completed(client, PROMPTS[0]).choices[0].token_ids
    streams = [completed(client, prompt, stream=True, max_tokens=380) for prompt in PROMPTS]
    for stream in streams:
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
    assert server.unfinished() > 0
    for stream in streams:
        stream.close()
    server.settle()
    assert completed(client, PROMPTS[0]).choices[0].token_ids == right


def test_prompt_logprobs_are_the_prompts(client: OpenAI) -> None:
    """There is one prompt, so they may be asked for."""
    echoed = [completed(client, PROMPTS[0], xargs, echo=True, logprobs=1, max_tokens=1) for xargs in (SEARCH, None)]
    searched, plain = (answer.choices[0].logprobs.token_logprobs[1:-1] for answer in echoed)
    assert searched == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize(
    ("xargs", "options", "message"),
    [
        ({**SEARCH, "cf_top_k": 7}, {}, "`cf_top_k` has to be at most this engine's 6, but is 7"),
        ({**SEARCH, "cf_top_k": 0}, {}, "`cf_top_k` has to be an integer of at least 1, but is 0"),
        ({**SEARCH, "cf_penalty_alpha": 2}, {}, r"`cf_penalty_alpha` has to be in \[0, 1\], but is 2"),
        ({**SEARCH, "cf_documents": ["A"]}, {}, "`cf_documents` has to be left out: .* and no contrast"),
        ({**SEARCH, "cf_contrast_ids": [1, 2]}, {}, "`cf_contrast_ids` has to be left out"),
        ({**SEARCH, "CF_TOP_K": 4}, {}, "keys are in lower case, `cf_top_k`"),
        (SEARCH, {"temperature": 1.0}, "`temperature` has to be 0 for contrastive search, .* but is 1"),
        (SEARCH, {"presence_penalty": 0.5}, "`presence_penalty` has to be left out"),
        (SEARCH, {"extra": {"repetition_penalty": 1.2}}, "`repetition_penalty` has to be left out"),
        (SEARCH, {"extra": {"use_beam_search": True}}, "there are no beams"),
        (SEARCH, {"n": 2}, "n must be 1"),
    ],
)
def test_a_bad_request_is_answered_with_its_reason(
    client: OpenAI, xargs: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    for ask in (chatted, lambda *arguments, **more: completed(arguments[0], PROMPTS[0], *arguments[1:], **more)):
        with pytest.raises(BadRequestError, match=message):
            ask(client, xargs, **{**options, "extra": dict(options.get("extra", {}))})


parameters = st.fixed_dictionaries(
    {},
    optional={
        "cf_top_k": st.integers(-1, 9) | st.floats() | st.text(max_size=3),
        "cf_penalty_alpha": st.floats(0, 1) | st.floats() | st.text(max_size=3),
        "cf_strength": st.floats(0, 1),
        "cf_contrast_ids": st.lists(st.integers(0, 100), max_size=3),
    },
)


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/completions"])
def test_no_request_makes_the_server_fail(server: ServerProcess, client: OpenAI, endpoint: str) -> None:
    """What the server's own OpenAPI describes, with our keys in it. Where vLLM fails without them as well, the fault is
    not looked for here."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    statuses: list[int] = []

    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=schema[endpoint]["POST"].as_strategy(), more=parameters, valid=st.booleans())
    @example(case=None, more={}, valid=True)  # chance alone does not always make one that is served
    @example(case=None, more={"cf_top_k": 9}, valid=True)
    def attacked(case: Any, more: dict[str, Any], valid: bool) -> None:
        generated = {} if valid or not isinstance(case.body, dict) else case.body
        body = {key: value for key, value in generated.items() if key not in ("ignore_eos", "min_tokens", "request_id")}
        body |= {"model": "smollm2", "max_tokens": 2, "n": 1, "vllm_xargs": {"cf_method": "contrastive_search", **more}}
        if valid:
            body |= {"temperature": 0}
            body |= {"messages": CHAT} if endpoint.endswith("chat/completions") else {"prompt": PROMPTS[0]}
        status, text = posted(server.url + endpoint, body)
        statuses.append(status)
        if status >= 500:
            assert posted(server.url + endpoint, {**body, "vllm_xargs": None})[0] >= 500, (body, text)

    attacked()

    assert {200, 400} <= set(statuses)
    server.settle()
    status, text = posted(
        f"{server.url}/v1/completions",
        {"model": "smollm2", "prompt": PROMPTS[0], "max_tokens": 4, "temperature": 0, "vllm_xargs": SEARCH},
    )
    assert status == 200, text
    assert json.loads(text)["usage"]["completion_tokens"] == 4
