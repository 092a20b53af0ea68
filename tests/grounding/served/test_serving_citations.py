"""`counterfoil serve --cite` on SmolLM2 with the packaged judge, over HTTP, with the official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="the server is vLLM's")

from counterfoil.attribution import Document, cite
from counterfoil.attribution.retrieval import Passage
from counterfoil.grounding.local_engine import LocalEngine
from counterfoil.grounding.messages import INSTRUCTION, user_message
from counterfoil.models import load_language_model
from openai import AuthenticationError, BadRequestError, OpenAI

from tests.support.approximate import approximately
from tests.support.vllm_server import SMALL, ServerProcess, served

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

LIGHTHOUSE = (Path(__file__).parents[3] / "examples" / "documents" / "lighthouse.md").read_text(encoding="utf-8")
DOCUMENTS = [
    {"id": "lighthouse", "title": "Morrow Point lighthouse", "text": LIGHTHOUSE},
    {"text": "The museum is open from ten to five. Admission is free.", "url": "https://example.org/museum"},
]
QUESTION = "When was the lighthouse at Morrow Point built, and by whom?"
CITE = {"cf_cite": True, "cf_documents": DOCUMENTS}
CAD = {"cf_method": "cad", "cf_strength": 0.5}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    # The judge has its share of a machine on which other tests run: what it says is tested here, not when.
    judge = {"judge-nice": "0", "judge-patience": "240"}
    with served({**SMALL, "max-model-len": "1024", "api-key": "none", "cite": "", **judge}) as running:
        yield running
        assert running.metrics()["counterfoil:violations_total"] == 0
        running.settle()


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120)


def chatted(client: OpenAI, keys: dict[str, Any], **options: Any) -> Any:
    extra = {"vllm_xargs": keys, "return_token_ids": True}
    messages = options.pop("messages", [{"role": "user", "content": QUESTION}])
    return client.chat.completions.create(
        **{"model": "smollm2", "temperature": 0, "max_tokens": 60, "messages": messages, "extra_body": extra, **options}
    )


def responded(client: OpenAI, keys: dict[str, Any], **options: Any) -> Any:
    return client.responses.create(
        model="smollm2", input=QUESTION, temperature=0, max_output_tokens=60, extra_body={"vllm_xargs": keys}, **options
    )


def joined(stream: Any) -> dict[str, Any]:
    """What a stream adds up to."""
    found: dict[str, Any] = {"content": "", "annotations": [], "cf_statements": []}
    for chunk in stream:
        for choice in chunk.choices:
            found["content"] += choice.delta.content or ""
            for name in ("annotations", "cf_statements"):
                found[name] += getattr(choice.delta, name, None) or []
    return found


def test_the_answer_is_that_of_ask_and_its_sentences_are_cited(client: OpenAI) -> None:
    engine = LocalEngine(load_language_model())
    passages = [Passage(Document(str(n), each["text"]), 0, len(each["text"])) for n, each in enumerate(DOCUMENTS)]
    prompt = engine.prompt(QUESTION, passages, 60)

    answer = chatted(client, {**CITE, **CAD})
    assert answer.prompt_token_ids == prompt.main["input_ids"][0].tolist()
    message = answer.choices[0].message
    assert "Isla Pentreath" in message.content
    first = message.annotations[0]
    assert (first.type, first.file_id) == ("file_citation", "lighthouse")
    assert "Isla Pentreath" in first.cf_citation["quote"]
    for statement in message.cf_statements:
        assert message.content[statement["start"] : statement["end"]] == statement["text"]
    for each in message.annotations:
        quote = each.cf_citation
        assert quote["quote"] == LIGHTHOUSE[quote["start"] : quote["end"]]

    # The same as the documents in the prompt and the question without them as the contrast.
    texts = {"main": user_message(QUESTION, passages), "contrast": user_message(QUESTION, ())}
    system = {"role": "system", "content": INSTRUCTION}
    both = {name: [system, {"role": "user", "content": text}] for name, text in texts.items()}
    plain = chatted(client, {**CAD, "cf_contrast_messages": json.dumps(both["contrast"])}, messages=both["main"])
    assert plain.choices[0].token_ids == answer.choices[0].token_ids
    assert plain.choices[0].message.annotations is None
    assert not hasattr(plain.choices[0].message, "cf_statements")


@pytest.mark.parametrize("keys", [{}, CAD, {"cf_markers": True}, {**CAD, "cf_markers": True}])
def test_streamed_is_unstreamed(client: OpenAI, keys: dict[str, Any]) -> None:
    message = chatted(client, {**CITE, **keys}).choices[0].message.model_dump(exclude_unset=True)
    assert joined(chatted(client, {**CITE, **keys}, stream=True)) == approximately(
        {name: message[name] for name in ("content", "annotations", "cf_statements")}
    )


@pytest.mark.parametrize("markers", [False, True])
def test_the_responses_api_gives_the_same_answer_with_the_same_citations(client: OpenAI, markers: bool) -> None:
    keys = {**CITE, "cf_markers": markers}
    chat = chatted(client, keys)
    message = chat.choices[0].message
    response = responded(client, keys)
    (part,) = response.output[-1].content
    assert response.usage.input_tokens == chat.usage.prompt_tokens
    assert part.text == response.output_text == message.content
    assert "Isla Pentreath" in part.text
    assert [each.type for each in part.annotations] == ["file_citation"] * len(message.annotations)
    for ours, theirs in zip(part.annotations, message.annotations, strict=True):
        assert (ours.file_id, ours.filename, ours.index) == (theirs.file_id, theirs.filename, theirs.end_index)
        assert ours.cf_citation == approximately(theirs.cf_citation)
    assert part.cf_statements == approximately(message.cf_statements)

    events = list(responded(client, keys, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == part.text
    assert len(deltas) > (1 if markers else 10), "the text comes as it is written"
    added = [event for event in events if event.type == "response.output_text.annotation.added"]
    assert [event.annotation_index for event in added] == list(range(len(part.annotations)))
    whole = [each.model_dump() for each in part.annotations]
    assert [event.annotation.model_dump() for event in added] == approximately(whole)
    (last,) = [event for event in events if event.type == "response.completed"]
    assert last is events[-1]
    assert last.response.output[-1].content[0].model_dump() == approximately(part.model_dump())


def test_the_clients_own_stream_gathers_the_answer(client: OpenAI) -> None:
    with client.responses.stream(
        model="smollm2", input=QUESTION, temperature=0, max_output_tokens=60, extra_body={"vllm_xargs": CITE}
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert final.output_text == chatted(client, CITE).choices[0].message.content
    assert final.output[-1].content[0].annotations


def test_marked_text_is_that_of_cite(client: OpenAI) -> None:
    plain = chatted(client, CITE).choices[0].message
    marked = chatted(client, {**CITE, "cf_markers": True}).choices[0].message
    documents = [Document(d.get("id", "2"), d["text"], d.get("title", "")) for d in DOCUMENTS]
    cited = cite(plain.content, documents, question=QUESTION)
    assert marked.content == cited.text
    assert " [1]." in marked.content
    assert [each["status"] for each in marked.cf_statements] == [each.status.value for each in cited.statements]


def test_log_probabilities_usage_and_the_trace_stay(client: OpenAI) -> None:
    keys = {**CITE, **CAD, "cf_trace": True, "cf_markers": True}
    whole = chatted(client, keys, logprobs=True).choices[0]
    chunks = list(chatted(client, keys, logprobs=True, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens == len(whole.token_ids)
    assert chunks[-2].choices[0].finish_reason == whole.finish_reason
    choices = [choice for chunk in chunks for choice in chunk.choices]
    traced = [entry for choice in choices if choice.logprobs for entry in choice.logprobs.cf_trace]
    assert traced == whole.logprobs.cf_trace
    tokens = [entry.token for choice in choices if choice.logprobs for entry in choice.logprobs.content]
    assert tokens == [entry.token for entry in whole.logprobs.content]


def test_every_choice_is_cited(client: OpenAI) -> None:
    choices = chatted(client, CITE, n=3, temperature=1.0, max_tokens=30).choices
    assert all(choice.message.cf_statements for choice in choices)


def test_sentences_are_counted_by_their_verdicts(server: ServerProcess, client: OpenAI) -> None:
    before = server.metrics()["counterfoil:cited_statements_total"]
    message = chatted(client, CITE).choices[0].message
    assert server.metrics()["counterfoil:cited_statements_total"] == before + len(message.cf_statements)


def test_what_nothing_supports_is_decoded_again(server: ServerProcess, client: OpenAI) -> None:
    """The second question has no answer in the documents, so that something is decoded again."""
    before = server.metrics()["counterfoil:redecoded_statements_total"]
    redecoded = 0
    for question in (QUESTION, "What do whales in the harbour eat? Tell me all about it."):
        messages = [{"role": "user", "content": question}]
        for unsupported in ("mark", "drop"):
            keys = {**CITE, "cf_cite": "verify", "cf_unsupported": unsupported}
            answer = chatted(client, keys, messages=messages)
            message = answer.choices[0].message
            assert 0 < answer.usage.completion_tokens <= 60
            assert answer.choices[0].finish_reason in ("stop", "length")
            for statement in message.cf_statements:
                assert message.content[statement["start"] : statement["end"]] == statement["text"]
            lost = [each["text"] for each in message.cf_statements if each["status"] == "not_supported"]
            dropped = getattr(message, "cf_dropped", [])
            redecoded += len(dropped) + sum(each["redecoded"] for each in message.cf_statements)
            assert not (dropped if unsupported == "mark" else lost)
        streamed = joined(chatted(client, keys, messages=messages, stream=True))
        redecoded += len(dropped) + sum(each["redecoded"] for each in streamed["cf_statements"])
        assert streamed["content"] == message.content
        assert streamed["cf_statements"] == approximately(message.cf_statements)
    assert redecoded > 0
    assert server.metrics()["counterfoil:redecoded_statements_total"] == before + redecoded
    server.settle()


def test_wrong_keys_are_refused_and_strangers_are_told_nothing(server: ServerProcess, client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="`cf_cite` has to go with `cf_documents`"):
        chatted(client, {"cf_cite": True})
    with pytest.raises(BadRequestError, match="cf_strength"):
        chatted(client, {**CITE, **CAD, "cf_strength": -1})
    with pytest.raises(BadRequestError, match="`cf_cite` is understood at /v1/chat/completions"):
        client.completions.create(model="smollm2", prompt="A", extra_body={"vllm_xargs": CITE})
    with pytest.raises(BadRequestError, match="`cf_cite` has to be true at /v1/responses"):
        responded(client, {**CITE, "cf_cite": "verify"})
    with pytest.raises(BadRequestError, match="`cf_method` is understood at /v1/chat/completions and /v1/completions"):
        responded(client, {**CITE, **CAD})
    stranger = OpenAI(base_url=f"{server.url}/v1", api_key="another", max_retries=0)
    with pytest.raises(AuthenticationError):
        chatted(stranger, {"cf_cite": True})


def test_a_client_that_leaves_leaves_nothing_behind(server: ServerProcess, client: OpenAI) -> None:
    for keys in (CITE, {**CITE, **CAD, "cf_markers": True}):
        stream = chatted(client, keys, stream=True, max_tokens=400)
        next(iter(stream))
        stream.close()
    server.settle()


def test_many_clients_are_all_answered(server: ServerProcess, client: OpenAI) -> None:
    requests = [{**CITE, "cf_markers": n % 2 == 0, **(CAD if n % 3 == 0 else {})} for n in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda keys: joined(chatted(client, keys, stream=True)), requests))
    for keys, answer in zip(requests, answers, strict=True):
        alone = chatted(client, keys).choices[0].message
        assert answer["content"]
        assert answer["cf_statements"]
        assert len(answer["annotations"]) > 0 or not alone.annotations
