"""Sentences that nothing supports are decoded again: an application that answers by context and strength."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the layer is an ASGI application; a server brings it")

from counterfoil.grounding.served.citation_layer import CitationLayer
from counterfoil.grounding.served.citer import Counts
from counterfoil.grounding.served.judge_queue import JudgeQueue

from tests.support.scripted_chat import SameWords, ScriptedChat, chunks, posted

DOCUMENTS = ["The tower was built in 1874. The tower is 31 m high.", "The ferry goes at nine."]
TOWER, FERRY = "The tower was built in 1874.", "The ferry goes at nine."
MESSAGES = [{"role": "user", "content": "Tell me about the island."}]


@pytest.fixture(scope="module")
def queue() -> Iterator[JudgeQueue]:
    made = JudgeQueue(SameWords())
    yield made
    made.close()


def asking(*, drop: bool = False, stream: bool = False, keys: Any = None, **more: Any) -> dict[str, Any]:
    own = {"cf_cite": "verify", "cf_documents": DOCUMENTS, "cf_unsupported": "drop" if drop else "mark"}
    return {"model": "m", "messages": MESSAGES, "stream": stream, "vllm_xargs": {**own, **(keys or {})}, **more}


def continuing(second: str | None) -> Any:
    """A script: plainly, the second sentence is invented; against a stronger contrast it is another one."""

    def script(body: dict[str, Any]) -> list[str] | None:
        last = body["messages"][-1]
        context = last["content"] if last["role"] == "assistant" else ""
        if body["vllm_xargs"].get("cf_strength") == 1.0:
            assert context == TOWER
            return None if second is None else [f" {second[:5]}", f"{second[5:]} {FERRY} And", " so on."]
        if not context:
            return ["The tower was ", "built in 1874. The tower ", f"is blue. {FERRY} And", " so on."]
        return [f" {FERRY}"] if context.endswith((".", "!")) and not context.endswith(FERRY) else []

    return script


def answered(
    queue: JudgeQueue, chat: ScriptedChat, outcomes: list[str] | None = None, **options: Any
) -> dict[str, Any]:
    """The message, which is the same streamed and not."""
    noted: list[str] = []
    layer = CitationLayer(chat, queue, counts=Counts(redecoded=noted.append))
    status, content = asyncio.run(posted(layer, asking(**options)))
    assert status == 200, content
    (choice,) = json.loads(content)["choices"]
    assert noted == outcomes
    status, content = asyncio.run(posted(layer, asking(stream=True, **options)))
    found: dict[str, Any] = {
        "role": "assistant",
        "content": "",
        "annotations": [],
        "cf_statements": [],
        "cf_dropped": [],
    }
    for chunk in chunks(content):
        (streamed,) = chunk["choices"]
        for name in ("content", "annotations", "cf_statements", "cf_dropped"):
            found[name] += streamed["delta"].get(name) or type(found[name])()
    assert streamed["finish_reason"] == choice["finish_reason"] == "stop"
    assert found == {"cf_dropped": [], **choice["message"]}
    text = found["content"]
    for statement in found["cf_statements"]:
        assert text[statement["start"] : statement["end"]].replace(" [1]", "").replace(" [2]", "") == statement["text"]
    return found


def test_a_sentence_that_nothing_supports_becomes_another_one(queue: JudgeQueue) -> None:
    chat = ScriptedChat(continuing("The tower is 31 m high."))
    message = answered(queue, chat, ["supported"])
    assert message["content"] == f"{TOWER} The tower is 31 m high. {FERRY}"
    assert [each["redecoded"] for each in message["cf_statements"]] == [False, True, False]
    assert {each["status"] for each in message["cf_statements"]} == {"supported"}
    plain, stronger, rest = chat.bodies[:3]
    assert "cf_method" not in plain["vllm_xargs"]
    assert (stronger["vllm_xargs"]["cf_method"], stronger["vllm_xargs"]["cf_strength"]) == ("cad", 1.0)
    begun = {"role": "assistant", "content": TOWER}
    assert stronger["messages"][-1] == json.loads(stronger["vllm_xargs"]["cf_contrast_messages"])[-1] == begun
    assert stronger["messages"][:-1] == plain["messages"]
    assert (stronger["continue_final_message"], stronger["add_generation_prompt"]) == (True, False)
    assert rest["messages"][-1]["content"] == f"{TOWER} The tower is 31 m high."
    assert rest["vllm_xargs"] == plain["vllm_xargs"]


def test_with_markers(queue: JudgeQueue) -> None:
    chat = ScriptedChat(continuing("The tower is 31 m high."))
    message = answered(queue, chat, ["supported"], keys={"cf_markers": True})
    expected = "The tower was built in 1874 [1]. The tower is 31 m high [1]. The ferry goes at nine [2]."
    assert message["content"] == expected


def test_the_more_probable_of_two_stays(queue: JudgeQueue) -> None:
    for second, kept in (("Nobody knows of any blue whale.", "The tower is blue."), ("The tower was is blue.", None)):
        message = answered(queue, ScriptedChat(continuing(second)), ["kept"])
        assert message["content"] == f"{TOWER} {kept or second} {FERRY}"
        assert [each["status"] for each in message["cf_statements"]] == ["supported", "not_supported", "supported"]


def test_or_is_left_out_of_what_the_client_sees(queue: JudgeQueue) -> None:
    chat = ScriptedChat(continuing("Nobody knows of any blue whale."))
    message = answered(queue, chat, ["dropped"], drop=True)
    assert message["content"] == f"{TOWER} {FERRY}"
    assert [each["text"] for each in message["cf_dropped"]] == ["The tower is blue."]
    assert chat.bodies[2]["messages"][-1]["content"] == f"{TOWER} The tower is blue.", "or it would be written again"


def test_a_server_without_contrasts_keeps_what_there_is(queue: JudgeQueue) -> None:
    message = answered(queue, ScriptedChat(continuing(None)), ["kept"])
    assert message["content"] == f"{TOWER} The tower is blue. {FERRY}"


def test_what_needs_no_source_is_left_alone(queue: JudgeQueue) -> None:
    chat = ScriptedChat(lambda body: ["Shall I tell you more? ", TOWER] if len(body["messages"]) == 2 else [])
    message = answered(queue, chat, [])
    assert message["content"] == f"Shall I tell you more? {TOWER}"


def test_a_contrast_of_the_request_is_doubled(queue: JudgeQueue) -> None:
    def script(body: dict[str, Any]) -> list[str]:
        return [TOWER] if body["vllm_xargs"]["cf_strength"] == 0.5 and body["messages"][-1]["role"] == "user" else []

    chat = ScriptedChat(script)
    answered(queue, chat, [], keys={"cf_method": "cad", "cf_strength": 0.5})
    blue = ScriptedChat(lambda body: ["The tower is blue."] if body["messages"][-1]["role"] == "user" else [])
    answered(queue, blue, ["kept"], keys={"cf_method": "cid", "cf_plausibility": 0.0})
    assert [body["vllm_xargs"].get("cf_strength") for body in blue.bodies[:3]] == [None, 100.0, None]


def test_the_answer_stays_within_its_tokens(queue: JudgeQueue) -> None:
    """A chunk without token ids counts as one token."""
    chat = ScriptedChat(continuing("The tower is 31 m high."))
    layer = CitationLayer(chat, queue)
    _, content = asyncio.run(posted(layer, asking(max_completion_tokens=9)))
    answer = json.loads(content)
    assert [body["max_tokens"] for body in chat.bodies] == [9, 7, 5]
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    short = ScriptedChat(continuing("The tower is 31 m high."))
    _, content = asyncio.run(posted(CitationLayer(short, queue), asking(max_tokens=4)))
    assert json.loads(content)["choices"][0]["finish_reason"] == "length"


def test_a_refusal_of_the_server_is_the_answer(queue: JudgeQueue) -> None:
    for stream in (False, True):
        chat = ScriptedChat(lambda body: None)
        answer = asyncio.run(posted(CitationLayer(chat, queue), asking(stream=stream)))
        assert answer == (400, b'{"error": {"message": "refused"}}')


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"n": 2}, "`n` has to be 1 where sentences are decoded again, but is 2"),
        ({"logprobs": True}, "`logprobs` has to be left out where sentences are decoded again"),
        ({"tools": [{}]}, "`tools` has to be left out"),
        ({"keys": {"cf_method": "contrastive_search"}}, "`cf_method` has to be a method whose contrast has a weight"),
        ({"keys": {"cf_unsupported": "burn"}}, "`cf_unsupported` has to be one of"),
        ({"keys": {"cf_cite": True}}, "`cf_unsupported` has to go with `cf_cite`: 'verify', but that is true"),
    ],
)
def test_what_cannot_be_verified_is_refused_by_name(queue: JudgeQueue, more: dict[str, Any], message: str) -> None:
    chat = ScriptedChat([TOWER])
    status, content = asyncio.run(posted(CitationLayer(chat, queue), asking(**more)))
    assert status == 400
    assert message in json.loads(content)["error"]["message"]
    assert not chat.bodies
