"""`counterfoil serve` on SmolLM2, over HTTP, with the official client.

A greedy continuation is right if and only if each of its tokens is the argmax of the rule over full forwards of the
final sequences in transformers: one forward a view checks all of its steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from tests.support import oracles

pytest.importorskip("vllm", reason="the server is vLLM's")
pytest.importorskip("schemathesis", reason="it is installed with vLLM, for the tests of its server")

import schemathesis
from counterfoil.decoding import CADLogitsProcessor
from counterfoil.decoding.vllm.offline import chat_request, prompt_request
from counterfoil.models import LanguageModel, load_language_model
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from openai import AuthenticationError, BadRequestError, OpenAI
from vllm.platforms import current_platform

from tests.support.vllm_server import SMALL, ServerProcess, posted, served

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

DOCUMENTS = [
    "In 2031 the government of France moved to Lyon, the new capital.",
    "The old capital was sold to a maker of cheese.",
]
QUESTION = "What is the capital of France?"
CHAT: list[Any] = [{"role": "user", "content": QUESTION}]
CAD = {"cf_method": "cad", "cf_strength": 1.0, "cf_documents": DOCUMENTS}
PROMPT = "In 2031 the government of France moved to Lyon. The capital of France is"
SHORT = "The capital of France is"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    rules = ["tests.support.served_rules:served", "tests.support.served_rules:careless"]
    with served({**SMALL, "api-key": "none"}, rules=rules) as running:
        yield running
        numbers = running.metrics()
        assert numbers["counterfoil:violations_total"] == 0
        running.settle()


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


def asked(keys: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """`extra_body` of a request."""
    return {"vllm_xargs": keys or {}, "return_token_ids": True, **more}


def chatted(client: OpenAI, keys: dict[str, Any] | None, extra: dict[str, Any] | None = None, **options: Any) -> Any:
    options = {"temperature": 0, "max_tokens": 12, "messages": CHAT, **options}
    return client.chat.completions.create(model="smollm2", extra_body=asked(keys, **(extra or {})), **options)


@torch.no_grad()
def all_logits(lm: LanguageModel, prompt: list[int], new: list[int]) -> np.ndarray:
    """Float64 logits `[new, vocab]` before each new token, from one full forward."""
    ids = torch.tensor([prompt + new])
    return lm.model(ids, use_cache=False).logits[0, len(prompt) - 1 : -1].double().numpy()


def right(
    lm: LanguageModel, main: list[int], other: list[int], new: list[int], rule: Callable[..., np.ndarray]
) -> list[int]:
    """What greedy decoding under `rule` gives wherever `new` stands."""
    views = all_logits(lm, main, new), all_logits(lm, other, new)
    return [int(rule(a, b).argmax()) for a, b in zip(*views, strict=True)]


def test_a_contrast_streamed_or_not_in_text_or_ids_is_the_rule_on_two_forwards(
    client: OpenAI, lm: LanguageModel
) -> None:
    offline = chat_request(lm.tokenizer, CHAT, "cad", documents=DOCUMENTS, strength=1.0)
    main, other = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]

    answer = chatted(client, CAD)
    tokens = answer.choices[0].token_ids
    assert answer.prompt_token_ids == main
    assert tokens == right(lm, main, other, tokens, lambda a, b: oracles.cad(a, b, 1.0))

    streamed = list(chatted(client, CAD, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
    assert text == answer.choices[0].message.content
    with_documents = [{"role": "user", "content": "\n\n".join([*DOCUMENTS, QUESTION])}]
    same = [
        (CHAT, CAD),
        (with_documents, {**offline.extra_args}),
        (with_documents, {"cf_method": "cad", "cf_strength": 1.0, "cf_contrast_prompt": QUESTION}),
        (with_documents, {"cf_method": "cad", "cf_strength": 1.0, "cf_contrast_messages": json.dumps(CHAT)}),
    ]
    for messages, keys in same:
        assert chatted(client, keys, messages=messages).choices[0].token_ids == tokens
    assert chatted(client, None, messages=with_documents).choices[0].token_ids != tokens


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"cf_method": "cad"}, lambda a, b: oracles.cad(a, b, 0.5)),
        ({"cf_method": "cid", "cf_strength": 80}, lambda a, b: oracles.cid(a, b, 80)),
        (
            {"cf_method": "cid", "cf_rule": "log_ratio", "cf_strength": 1.5, "cf_plausibility": 0.2},
            lambda a, b: oracles.cid(a, b, 1.5, "log_ratio", 0.2),
        ),
        (
            {"cf_method": "contrastive_decoding", "cf_strength": 2.0},
            lambda a, b: oracles.contrastive_decoding(a, b, strength=2.0),
        ),
        (
            {"cf_method": "contrastive_decoding", "cf_formulation": "li", "cf_amateur_temperature": 0.5},
            lambda a, b: oracles.contrastive_decoding(a, b, formulation="li", amateur_temperature=0.5),
        ),
    ],
)
def test_every_method_is_its_rule_on_two_forwards(
    client: OpenAI, lm: LanguageModel, keys: dict[str, Any], rule: Callable[..., np.ndarray]
) -> None:
    offline = prompt_request(lm.tokenizer, PROMPT, keys["cf_method"], contrast_prompt=SHORT)
    answer = client.completions.create(
        model="smollm2",
        prompt=PROMPT,
        temperature=0,
        max_tokens=10,
        extra_body=asked({**keys, "cf_contrast_prompt": SHORT}),
    )
    tokens = answer.choices[0].token_ids  # type: ignore[attr-defined]
    assert tokens == right(lm, offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"], tokens, rule)


NEGATIVE = "Answer in French: what is the capital of France?"


def guided(scale: float) -> Callable[..., np.ndarray]:
    return lambda main, negative: oracles.cfg(main, negative, scale)


def test_guidance_in_every_form_is_the_rule_on_two_forwards(client: OpenAI, lm: LanguageModel) -> None:
    offline = chat_request(lm.tokenizer, CHAT, "cfg", negative_prompt=NEGATIVE, guidance_scale=2.0)
    main, other = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]
    keys = {"cf_method": "cfg", "cf_guidance_scale": 2.0}
    messages = json.dumps([{"role": "user", "content": NEGATIVE}])
    forms: list[tuple[dict[str, Any] | None, dict[str, Any]]] = [
        ({**keys, "cf_negative_prompt": NEGATIVE}, {}),
        ({**keys, "cf_negative_messages": messages}, {}),
        ({**keys, "cf_contrast_prompt": NEGATIVE}, {}),
        (None, {"guidance_scale": 2.0, "negative_prompt": NEGATIVE}),
    ]
    found = [chatted(client, *form).choices[0].token_ids for form in forms]
    assert found[0] == right(lm, main, other, found[0], guided(2.0))
    assert found == [found[0]] * len(forms)
    assert found[0] != chatted(client, None).choices[0].token_ids

    fields = {"guidance_scale": 2.0, "negative_prompt": NEGATIVE}
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chatted(client, None, fields, stream=True))
    assert text == lm.tokenizer.decode(found[0], skip_special_tokens=True)
    both = chatted(client, None, {**fields, "top_k": 1}, n=2, temperature=1.0)
    assert [choice.token_ids for choice in both.choices] == [found[0]] * 2


def test_guidance_without_a_negative_prompt_is_unconditional(client: OpenAI, lm: LanguageModel) -> None:
    prompt = lm.tokenizer(PROMPT)["input_ids"]
    for keys, extra in ((None, {"guidance_scale": 1.5, "negative_prompt": ""}), ({"cf_method": "cfg"}, {})):
        answer = client.completions.create(
            model="smollm2", prompt=PROMPT, temperature=0, max_tokens=10, extra_body=asked(keys, **extra)
        )
        tokens = answer.choices[0].token_ids  # type: ignore[attr-defined]
        assert tokens == right(lm, prompt, prompt[-2:], tokens, guided(1.5))


def test_a_method_that_counts_tokens_is_its_rule_at_every_step(client: OpenAI, lm: LanguageModel) -> None:
    offline = prompt_request(lm.tokenizer, PROMPT, "m3id", contrast_prompt=SHORT)
    keys = {"cf_method": "m3id", "cf_decay": 0.2, "cf_gate": 1.0, "cf_max_weight": 5, "cf_contrast_prompt": SHORT}
    answer = client.completions.create(
        model="smollm2", prompt=PROMPT, temperature=0, max_tokens=12, extra_body=asked(keys)
    )
    tokens = answer.choices[0].token_ids  # type: ignore[attr-defined]
    prompts = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]
    views = zip(*(all_logits(lm, prompt, tokens) for prompt in prompts), strict=True)
    scores = [oracles.m3id(a, b, step, decay=0.2, gate=1.0, max_weight=5) for step, (a, b) in enumerate(views)]
    assert tokens == [int(row.argmax()) for row in scores]


def test_several_contrasts_are_one_rule_and_each_has_its_trace(client: OpenAI, lm: LanguageModel) -> None:
    told = f"{' '.join(DOCUMENTS)} {QUESTION}"
    offline = chat_request(lm.tokenizer, CHAT, "dexperts", contrast_prompt=[told, NEGATIVE], strength=0.8)
    main, others = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]
    keys = {"cf_method": "dexperts", "cf_strength": 0.8, "cf_trace": True}
    conversations = [[{"role": "user", "content": text}] for text in (told, NEGATIVE)]
    forms = [{"cf_contrast_prompt": [told, NEGATIVE]}, {"cf_contrast_messages": json.dumps(conversations)}]
    for form in forms:
        choice = chatted(client, {**keys, **form}).choices[0]
        views = [all_logits(lm, prompt, choice.token_ids) for prompt in (main, *others)]
        scores = [oracles.dexperts(m, np.stack([e, a]), strength=0.8) for m, e, a in zip(*views, strict=True)]
        assert choice.token_ids == [int(row.argmax()) for row in scores]
        columns = [
            [float(oracles.log_softmax(row)[token]) for row, token in zip(view, choice.token_ids, strict=True)]
            for view in views
        ]
        assert_traces(
            choice.logprobs.cf_trace, [{"main": m, "contrasts": [e, a]} for m, e, a in zip(*columns, strict=True)]
        )


def test_a_rule_of_ones_own_is_served_by_its_name(client: OpenAI, lm: LanguageModel) -> None:
    offline = prompt_request(lm.tokenizer, PROMPT, "cad", contrast_prompt=SHORT)
    prompts = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]

    def answered(**keys: Any) -> list[int]:
        answer = client.completions.create(
            model="smollm2", prompt=PROMPT, temperature=0, max_tokens=10,
            extra_body=asked({"cf_contrast_prompt": SHORT, **keys}),
        )  # fmt: skip
        return answer.choices[0].token_ids  # type: ignore[attr-defined]

    for strength in (1.0, -0.5):
        tokens = answered(cf_method="tests_served", cf_strength=strength)
        assert tokens == right(lm, *prompts, tokens, lambda a, b, s=strength: (1 + s) * a - s * b)
    # What breaks its contract at run time ends nothing: the row goes by its main view, beside others of the same rule.
    with ThreadPoolExecutor(4) as pool:
        careless = list(pool.map(lambda huge: answered(cf_method="tests_careless", cf_huge=huge), (0, 1, 0, 1)))
    assert careless == [answered(cf_method="tests_careless")] * 4


def test_an_amateur_that_reads_the_end_of_the_prompt(client: OpenAI, lm: LanguageModel) -> None:
    prompt = lm.tokenizer(PROMPT)["input_ids"]
    keys = {"cf_method": "contrastive_decoding", "cf_strength": 2.0, "cf_cut_context": 3}
    answer = client.completions.create(
        model="smollm2", prompt=prompt, temperature=0, max_tokens=10, extra_body=asked(keys)
    )
    tokens = answer.choices[0].token_ids  # type: ignore[attr-defined]
    assert tokens == right(
        lm, prompt, prompt[-3:], tokens, lambda a, b: oracles.contrastive_decoding(a, b, strength=2.0)
    )


def test_neither_plain_requests_nor_pairs_notice_each_other(client: OpenAI) -> None:
    questions = [f"Count to {count}." for count in (3, 5, 7, 9)]
    requests = [(keys, [{"role": "user", "content": question}]) for question in questions for keys in (None, CAD)]

    def tokens(request: Any) -> list[int]:
        return chatted(client, request[0], messages=request[1]).choices[0].token_ids

    alone = [tokens(request) for request in requests]
    with ThreadPoolExecutor(len(requests)) as pool:
        assert list(pool.map(tokens, requests)) == alone
    assert all(plain != pair for plain, pair in zip(alone[::2], alone[1::2], strict=True))


def test_several_prompts_share_a_contrast(client: OpenAI) -> None:
    keys = {"cf_method": "cad", "cf_strength": 2.0, "cf_contrast_prompt": SHORT}
    prompts = [PROMPT, "Only cheese is sold in Paris. The capital of France is"]

    def texts(prompt: str | list[str]) -> list[str]:
        answer = client.completions.create(
            model="smollm2", prompt=prompt, temperature=0, max_tokens=6, extra_body=asked(keys)
        )
        return [choice.text for choice in answer.choices]

    assert texts(prompts) == [text for prompt in prompts for text in texts(prompt)]


def test_a_seed_gives_the_same_samples_whatever_else_is_there(client: OpenAI) -> None:
    options = {"temperature": 1.0, "n": 3, "seed": 7, "max_tokens": 8}

    def texts(_: int = 0) -> list[str]:
        return [choice.message.content for choice in chatted(client, CAD, **options).choices]

    alone = texts()
    assert len(set(alone)) > 1
    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(chatted, client, keys, temperature=1.0, max_tokens=8) for keys in (None, CAD) * 2]
        assert list(pool.map(texts, range(2))) == [alone, alone]
        for other in others:
            other.result()


def test_a_stop_string_ends_both_views(client: OpenAI, server: ServerProcess) -> None:
    whole = chatted(client, CAD).choices[0].message.content
    stop = whole.split()[3]
    answer = chatted(client, CAD, stop=[stop]).choices[0]
    assert answer.finish_reason == "stop"
    assert answer.message.content == whole[: whole.index(stop)]
    server.settle()


def test_min_p_and_top_k_see_the_contrasted_distribution(client: OpenAI) -> None:
    greedy = chatted(client, CAD).choices[0].token_ids
    for extra in ({"min_p": 1.0}, {"top_k": 1}):
        assert chatted(client, CAD, extra, temperature=1.0).choices[0].token_ids == greedy


def test_a_penalty_is_taken_off_the_contrasted_scores(client: OpenAI, lm: LanguageModel) -> None:
    offline = chat_request(lm.tokenizer, CHAT, "cad", documents=DOCUMENTS, strength=1.0)
    tokens = chatted(client, CAD, presence_penalty=2.0).choices[0].token_ids
    views = [
        all_logits(lm, prompt, tokens)
        for prompt in (offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"])
    ]
    scores = np.stack([oracles.cad(a, b, 1.0) for a, b in zip(*views, strict=True)])
    for step in range(1, len(tokens)):
        scores[step, list(set(tokens[:step]))] -= 2.0
    assert scores.argmax(-1).tolist() == tokens


def test_logprobs_are_those_of_the_main_view(client: OpenAI, lm: LanguageModel) -> None:
    offline = chat_request(lm.tokenizer, CHAT, "cad", documents=DOCUMENTS, strength=1.0)
    choice = chatted(client, CAD, logprobs=True, top_logprobs=3, max_tokens=4).choices[0]
    tokens = choice.token_ids
    main = all_logits(lm, offline.prompt["prompt_token_ids"], tokens)
    expected = [oracles.log_softmax(row)[token] for row, token in zip(main, tokens, strict=True)]
    assert [step.logprob for step in choice.logprobs.content] == pytest.approx(expected, abs=1e-3)
    best = [max(oracles.log_softmax(row)) for row in main]
    top = [max(entry.logprob for entry in step.top_logprobs) for step in choice.logprobs.content]
    assert top == pytest.approx(best, abs=1e-3)


def traces(lm: LanguageModel, strength: float, tokens: list[int]) -> list[dict[str, Any]]:
    """What the trace of the logits processor says of these tokens, decoded greedily by it."""
    offline = chat_request(lm.tokenizer, CHAT, "cad", documents=DOCUMENTS, strength=strength)
    prompts = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]
    main, other = ({"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids))} for ids in prompts)
    cad = CADLogitsProcessor(lm.model, other, strength=strength, trace=True)
    model: Any = lm.model
    sequences = model.generate(**main, logits_processor=[cad], max_new_tokens=len(tokens), do_sample=False)
    assert sequences[0, len(prompts[0]) :].tolist() == tokens
    found = cad.trace(sequences)
    pairs = zip(found.main[0].tolist(), found.contrast[0].tolist(), strict=True)
    return [{"main": a, "contrasts": [b]} for a, b in pairs]


def assert_traces(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [entry["main"] for entry in found] == pytest.approx([entry["main"] for entry in expected], abs=1e-4)
    flat = [[value for entry in given for value in entry["contrasts"]] for given in (found, expected)]
    assert flat[0] == pytest.approx(flat[1], abs=1e-4)
    assert len(flat[0]) == sum(len(entry["contrasts"]) for entry in found)


def test_the_trace_is_that_of_the_logits_processor_streamed_or_not(client: OpenAI, lm: LanguageModel) -> None:
    choice = chatted(client, {**CAD, "cf_trace": True}).choices[0]
    expected = traces(lm, 1.0, choice.token_ids)
    assert choice.logprobs.cf_view == "main"
    assert_traces(choice.logprobs.cf_trace, expected)
    assert len(choice.logprobs.content) == len(choice.logprobs.cf_trace) == len(choice.token_ids)

    streamed: list[dict[str, Any]] = []
    for chunk in chatted(client, {**CAD, "cf_trace": True}, stream=True, logprobs=True, top_logprobs=2):
        logprobs = chunk.choices[0].logprobs
        if logprobs is not None:
            assert len(logprobs.content) == len(logprobs.cf_trace)
            streamed += logprobs.cf_trace
    assert_traces(streamed, expected)


def test_a_prompt_has_its_trace_too_and_so_has_each_of_several_samples(client: OpenAI, lm: LanguageModel) -> None:
    offline = prompt_request(lm.tokenizer, PROMPT, "cad", contrast_prompt=SHORT)
    prompts = offline.prompt["prompt_token_ids"], offline.extra_args["cf_contrast_ids"]
    keys = {"cf_method": "cad", "cf_contrast_prompt": SHORT, "cf_trace": True}
    for stream in (False, True):
        answer = client.completions.create(
            model="smollm2", prompt=PROMPT, max_tokens=6, n=2, seed=3, stream=stream, extra_body=asked(keys)
        )
        tokens: dict[int, list[int]] = {0: [], 1: []}
        found: dict[int, list[dict[str, Any]]] = {0: [], 1: []}
        for part in answer if stream else [answer]:  # type: ignore[union-attr]
            for choice in part.choices:
                tokens[choice.index] += choice.token_ids  # type: ignore[union-attr]
                if choice.logprobs is not None:
                    found[choice.index] += choice.logprobs.cf_trace  # type: ignore[union-attr]
        for index, chosen in tokens.items():
            views = [all_logits(lm, prompt, chosen) for prompt in prompts]
            columns = [
                [float(oracles.log_softmax(row)[token]) for row, token in zip(view, chosen, strict=True)]
                for view in views
            ]
            expected = [{"main": a, "contrasts": [b]} for a, b in zip(*columns, strict=True)]
            assert_traces(found[index], expected)


def test_a_response_that_did_not_ask_has_nothing_of_it(client: OpenAI) -> None:
    for keys in (None, CAD, {**CAD, "cf_trace": False}):
        assert "cf_" not in chatted(client, keys).model_dump_json()
        assert chatted(client, keys).choices[0].logprobs is None
    assert "cf_" not in chatted(client, None, logprobs=True).model_dump_json()
    contrasted = chatted(client, CAD, logprobs=True, top_logprobs=1).choices[0].logprobs
    assert contrasted.cf_view == "main"
    assert "cf_trace" not in contrasted.model_dump_json()


def test_traced_and_other_requests_do_not_notice_each_other(client: OpenAI) -> None:
    asked_for = [{**CAD, "cf_trace": True}, CAD, None] * 3

    def answer(keys: dict[str, Any] | None) -> Any:
        choice = chatted(client, keys, logprobs=True, top_logprobs=3).choices[0]
        return choice.token_ids, None if choice.logprobs is None else getattr(choice.logprobs, "cf_trace", None)

    alone = [answer(keys) for keys in asked_for[:3]]
    with ThreadPoolExecutor(len(asked_for)) as pool:
        for found, (tokens, trace) in zip(pool.map(answer, asked_for), alone * 3, strict=True):
            assert found[0] == tokens
            assert (found[1] is None) == (trace is None)
            if trace is not None:
                assert_traces(found[1], trace)


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "year": {"type": "integer", "maximum": 9999}},
    "required": ["city", "year"],
    "additionalProperties": False,
}


def test_a_schema_holds(client: OpenAI) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    content = chatted(client, CAD, response_format=wanted, max_tokens=60).choices[0].message.content
    answer = json.loads(content)
    assert set(answer) == {"city", "year"}
    assert isinstance(answer["year"], int)
    fields = {"guidance_scale": 2.0, "negative_prompt": NEGATIVE}
    content = chatted(client, None, fields, response_format=wanted, max_tokens=60).choices[0].message.content
    assert set(json.loads(content)) == {"city", "year"}


def test_a_tool_is_called(client: OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA, "strict": True}}
    choice = {"type": "function", "function": {"name": "look_up"}}
    message = chatted(client, CAD, tools=[tool], tool_choice=choice, max_tokens=80).choices[0].message
    assert message.tool_calls[0].function.name == "look_up"
    assert set(json.loads(message.tool_calls[0].function.arguments)) == {"city", "year"}


def test_a_client_that_leaves_takes_both_views_with_it(client: OpenAI, server: ServerProcess) -> None:
    streams = [chatted(client, keys, {"ignore_eos": True}, stream=True, max_tokens=380) for keys in (CAD, None, CAD)]
    for stream in streams:
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
    assert server.unfinished() > 0
    for stream in streams:
        stream.close()
    server.settle()
    assert chatted(client, CAD).choices[0].finish_reason in ("stop", "length")


def test_what_was_chosen_for_this_machine_is_said(server: ServerProcess) -> None:
    """The server is started as the documentation has it, without a word about memory."""
    if server.log is None or not current_platform.is_cpu():
        pytest.skip("another server, or vLLM for another platform")
    assert "counterfoil: no GPU, and " in server.log.read_text()
    assert "starting with --kv-cache-memory-bytes " in server.log.read_text()


def test_pairs_are_counted(client: OpenAI, server: ServerProcess) -> None:
    def pairs() -> float:
        return server.metrics()["counterfoil:pairs_total"]

    before = pairs()
    chatted(client, CAD, n=2, temperature=1.0)
    chatted(client, None)
    assert pairs() == before + 2


IDS = {"cf_method": "cad", "cf_contrast_ids": [1, 2, 3]}


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        ({**IDS, "cf_contrast_ids": [1] * 512}, {}, "the contrast has to be shorter than"),
        ({"cf_method": "cad", "cf_contrast_prompt": "word " * 600}, {}, "the contrast: .*maximum context length"),
        ({**IDS, "cf_contrast_ids": [1] * 500}, {}, "there is room for 12 new tokens"),
        ({**IDS, "cf_contrast_ids": []}, {}, "at least 2 token ids, but is empty"),
        ({**IDS, "cf_contrast_ids": "abc"}, {}, "has to be a list of token ids, but is 'abc'"),
        ({**IDS, "cf_contrast_ids": [1, 10**6]}, {}, "token ids of this model, below 49152, but holds 1000000"),
        ({**IDS, "cf_contrast_ids": [1, "a"]}, {}, "a list of token ids, but holds 'a'"),
        ({**IDS, "cf_method": "cda"}, {}, "`cf_method` has to be one of"),
        ({**IDS, "cf_gamma": 1}, {}, "`cf_gamma` is not known: cad takes cf_strength"),
        ({**IDS, "cf_strength": -1}, {}, "`cf_strength` has to be a number of at least 0, but is -1"),
        ({"cf_method": "cad", "cf_strength": 1}, {}, "has to be given something to contrast with"),
        (IDS, {"extra": {"use_beam_search": True}}, "there are no beams"),
        (IDS, {"extra": {"prompt_logprobs": 1}}, "`prompt_logprobs` has to be left out"),
        (IDS, {"extra": {"cf_strength": 1}}, "`cf_strength` has to be in `vllm_xargs`"),
        (IDS, {"extra": {"guidance_scale": 2}}, "`guidance_scale` has to be the only contrast"),
        (None, {"extra": {"guidance_scale": -2}}, "`cf_guidance_scale` has to be a number of at least 0, but is -2"),
        (None, {"extra": {"guidance_scale": True}}, "`cf_guidance_scale` has to be a number of at least 0"),
        ({"cf_method": "cad", "cf_negative_prompt": "A"}, {}, "`cf_negative_prompt` is not known: cad takes"),
        ({**IDS, "cf_trace": "yes"}, {}, "`cf_trace` has to be true or false"),
        ({"cf_method": "cad", "cf_contrast_prompt": ["A", "B"]}, {}, "cad has to be given one contrast"),
        ({"cf_method": "dexperts", "cf_contrast_prompt": "A"}, {}, "dexperts has to be given 2 contrasts"),
        ({"cf_method": "weighted_sum", "cf_contrast_prompt": ["A"] * 8}, {}, "at most 7 contrasts, but holds 8"),
        ({"cf_method": "weighted_sum", "cf_contrast_prompt": ["A", "B"]}, {}, "`cf_weights` has to hold a number"),
        ({"cf_method": "dexperts", "cf_contrast_prompt": []}, {}, "has to be a text, or a list of texts, but is empty"),
        ({**IDS, "cf_trace": True}, {"extra": {"echo": True}}, "`prompt_logprobs` has to be left out"),
        (IDS, {"max_tokens": 10**6}, "max_tokens"),
        (IDS, {"temperature": -1}, "temperature"),
        (IDS, {"extra": {"kv_transfer_params": {"prompt_token_ids": [1]}}}, "`kv_transfer_params` has to be left out"),
        ({**IDS, "CF_STRENGTH": 1}, {}, "`CF_STRENGTH` is not known: keys are in lower case, `cf_strength`"),
        (None, {"extra": {"extra_body": {"vllm_xargs": IDS}}}, "`cf_method` .* stands in `extra_body`"),
        (
            {"cf_method": "cad", "cf_contrast_messages": '[{"role": "user", "content": 3}]'},
            {},
            "the contrast: .*content",
        ),
        ({**IDS, "cf_documents": ["A"]}, {}, "has to be the only contrast"),
    ],
)
def test_a_bad_request_is_answered_with_its_reason(
    client: OpenAI, keys: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRequestError, match=message) as refused:
        chatted(client, keys, **{"max_tokens": 30, **options})
    assert refused.value.body["type"] == "BadRequestError"  # type: ignore[index]


def test_echoed_logprobs_are_prompt_logprobs(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="`prompt_logprobs` has to be left out"):
        client.completions.create(model="smollm2", prompt=PROMPT, echo=True, logprobs=1, extra_body=asked(IDS))


def test_content_as_text_or_as_parts_is_one_prompt(client: OpenAI) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
    for keys in (CAD, {**CAD, "cf_documents": ["One document."]}):
        as_text, as_parts = (chatted(client, keys, messages=messages) for messages in (CHAT, parts))
        assert as_parts.prompt_token_ids == as_text.prompt_token_ids
        assert as_parts.choices[0].token_ids == as_text.choices[0].token_ids


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le"])
def test_a_body_in_any_encoding_of_json_is_read_alike(server: ServerProcess, client: OpenAI, encoding: str) -> None:
    def answered(keys: dict[str, Any], path: str = "/v1/chat/completions") -> tuple[int, Any]:
        body = {"model": "smollm2", "messages": CHAT, "temperature": 0, "max_tokens": 12, **asked(keys)}
        status, text = posted(server.url + path, body, encoding)
        return status, json.loads(text)

    status, answer = answered(CAD)
    assert (status, answer["choices"][0]["token_ids"]) == (200, chatted(client, CAD).choices[0].token_ids)
    status, answer = answered({**IDS, "cf_contrast_ids": [1, 2, 99_999_999]})
    assert (status, "below 49152, but holds 99999999" in answer["error"]["message"]) == (400, True)
    status, answer = answered(IDS, "/v1/responses")
    assert (status, "but not at /v1/responses" in answer["error"]["message"]) == (400, True)


def test_a_stranger_is_not_served(server: ServerProcess) -> None:
    stranger = OpenAI(base_url=f"{server.url}/v1", api_key="another", max_retries=0)
    for keys in (CAD, {**CAD, "cf_strength": -1}, None):
        with pytest.raises(AuthenticationError):
            chatted(stranger, keys)


def test_a_client_is_told_which_methods_there_are(server: ServerProcess, client: OpenAI) -> None:
    found: Any = client.get("/counterfoil/methods", cast_to=object)
    described = {method["name"]: method for method in found["methods"]}
    assert {"cad", "cid", "tests_served", "tests_careless"} <= set(described)
    (strength,) = described["tests_served"]["parameters"]
    assert (strength["name"], strength["kind"], strength["default"]) == ("strength", "float", 1.0)
    with pytest.raises(AuthenticationError):
        OpenAI(base_url=f"{server.url}/v1", api_key="another", max_retries=0).get(
            "/counterfoil/methods", cast_to=object
        )


def test_an_unknown_model_is_not_found_with_a_contrast_either(client: OpenAI) -> None:
    with pytest.raises(Exception, match="404"):
        client.chat.completions.create(model="other", messages=CHAT, extra_body=asked(CAD))


CASES = 500 if os.environ.get("COUNTERFOIL_SOAK") else 50
"""At each of the two endpoints."""

texts = st.text(max_size=20)
token_ids = st.lists(st.integers(0, 49_151), min_size=2, max_size=30) | st.lists(st.integers() | texts, max_size=3)
contrasts = st.one_of(
    st.fixed_dictionaries({"cf_contrast_ids": token_ids}),
    st.fixed_dictionaries({"cf_contrast_prompt": texts | st.integers()}),
    st.fixed_dictionaries({"cf_contrast_messages": texts | st.just(json.dumps(CHAT))}),
    st.fixed_dictionaries({"cf_documents": st.lists(texts, max_size=3) | texts}),
    st.fixed_dictionaries({"cf_cut_context": st.integers(-1, 40)}),
    st.just({}),
)
parameters = st.dictionaries(
    st.sampled_from(["cf_strength", "cf_plausibility", "cf_rule", "cf_formulation", "cf_amateur_temperature"]),
    st.floats(0, 2) | st.floats() | st.sampled_from(["li", "obrien", "log_ratio", "probability"]) | texts,
    max_size=2,
)
methods = st.sampled_from(["cad", "cid", "contrastive_decoding"]) | texts
keys_of_any_kind = st.builds(
    lambda method, contrast, more, stray: {"cf_method": method, **contrast, **more, **stray},
    methods,
    contrasts,
    parameters,
    st.just({}) | st.dictionaries(texts.map("cf_".__add__), texts, max_size=1),
)

SLOW = ("ignore_eos", "min_tokens", "request_id")
"""What would make a generated request long, or the same as another one."""


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/completions"])
@pytest.mark.timeout(3600)
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
    @given(case=schema[endpoint]["POST"].as_strategy(), keys=keys_of_any_kind, valid=st.booleans())
    @example(case=None, keys=CAD, valid=True)  # chance alone does not always make one that is served
    def attacked(case: Any, keys: dict[str, Any], valid: bool) -> None:
        generated = {} if valid or not isinstance(case.body, dict) else case.body
        body = {key: value for key, value in generated.items() if key not in SLOW}
        body |= {"model": "smollm2", "max_tokens": 2, "n": 1, "vllm_xargs": keys}
        if valid:
            body |= {"messages": CHAT} if endpoint.endswith("chat/completions") else {"prompt": PROMPT}
        status, text = posted(server.url + endpoint, body)
        statuses.append(status)
        if status >= 500:
            assert posted(server.url + endpoint, {**body, "vllm_xargs": None})[0] >= 500, (body, text)

    attacked()

    assert {200, 400} <= set(statuses)
    server.settle()
    assert chatted(client, CAD).choices[0].token_ids
