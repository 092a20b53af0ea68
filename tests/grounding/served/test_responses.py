"""The layer in front of an application with OpenAI's Responses API that answers what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the layer is an ASGI application; a server brings it")

from counterfoil.attribution.io.exports.openai import from_openai
from counterfoil.grounding.messages import INSTRUCTION
from counterfoil.grounding.served.citation_layer import CitationLayer
from counterfoil.grounding.served.judge_queue import JudgeQueue
from counterfoil.grounding.served.responses import flat
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.support.scripted_chat import SameWords, ScriptedChat, posted
from tests.support.scripted_responses import RESPONSES, ScriptedResponses, told

DOCUMENTS = [
    {"id": "tower", "title": "The tower", "text": "The tower was built in 1874. It is 31 m high."},
    {"text": "The ferry goes at nine. It is red.", "url": "https://example.org/ferry"},
]
QUESTION = "When was the tower built?"
ANSWER = "The tower was built in 1874. The ferry goes at nine. Nobody knows why."
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture(scope="module")
def queue() -> Iterator[JudgeQueue]:
    made = JudgeQueue(SameWords())
    yield made
    made.close()


def asking(**keys: Any) -> dict[str, Any]:
    return {"model": "m", "input": QUESTION, "vllm_xargs": {"cf_cite": True, "cf_documents": DOCUMENTS, **keys}}


def answered(app: Any, body: Any) -> dict[str, Any]:
    status, content = asyncio.run(posted(app, body, RESPONSES))
    assert status == 200, content
    return json.loads(content)


def streamed(app: Any, body: Any) -> list[dict[str, Any]]:
    status, content = asyncio.run(posted(app, {**body, "stream": True}, RESPONSES))
    assert status == 200, content
    return told(content)


def refused(app: Any, body: Any) -> str:
    status, content = asyncio.run(posted(app, body, RESPONSES))
    assert status == 400
    return json.loads(content)["error"]["message"]


def test_texts_have_annotations_in_the_form_of_their_api(queue: JudgeQueue) -> None:
    found = answered(CitationLayer(ScriptedResponses([ANSWER]), queue), asking())
    reasoning, message = found["output"]
    assert reasoning == {**ScriptedResponses([])._reasoning()}, "what is no text of the answer stays as it is"
    (part,) = message["content"]
    tower, ferry = part["annotations"]
    quote = tower.pop("cf_citation")
    assert (tower.pop("start_index"), tower.pop("end_index")) == (0, 28)
    assert tower == {"type": "file_citation", "file_id": "tower", "filename": "tower", "index": 28}
    assert quote["quote"] == "The tower was built in 1874."
    assert ferry.pop("cf_citation")["document"] == "2"
    assert ferry == {
        "type": "url_citation", "start_index": 29, "end_index": 52, "url": "https://example.org/ferry", "title": "2",
    }  # fmt: skip
    assert [each["status"] for each in part["cf_statements"]] == ["supported", "supported", "not_supported"]
    assert [link.document for link in from_openai(found).links] == ["tower", "https://example.org/ferry"]
    typed = Response.construct(**found).output[1].content[0].annotations  # type: ignore[union-attr]
    assert [each.type for each in typed] == ["file_citation", "url_citation"]  # type: ignore[union-attr]


def test_the_application_gets_the_prompt_of_a_chat(queue: JudgeQueue) -> None:
    texts = "\n\n".join(document["text"] for document in DOCUMENTS)
    user = {"role": "user", "content": f"{texts}\n\nQuestion: {QUESTION}"}
    app = ScriptedResponses(["Yes."])
    answered(CitationLayer(app, queue), asking(mine=3))
    assert app.bodies == [{"model": "m", "input": [user], "instructions": INSTRUCTION, "vllm_xargs": {"mine": 3}}]
    chat = ScriptedChat(["Yes."])
    body = {**asking(), "messages": [{"role": "user", "content": QUESTION}]}
    asyncio.run(posted(CitationLayer(chat, queue), body))
    assert chat.bodies[0]["messages"] == [{"role": "system", "content": INSTRUCTION}, user]


@pytest.mark.parametrize(
    "own", [{"instructions": "Be brief."}, {"input": [{"role": "developer", "content": "Be brief."}]}]
)
def test_instructions_of_the_client_stay_the_only_ones(queue: JudgeQueue, own: dict[str, Any]) -> None:
    parts = [{"type": "input_text", "text": QUESTION}, {"type": "input_image", "image_url": "data:,"}]
    turns = [
        {"role": "user", "content": "Hello."},
        {"type": "function_call", "name": "f", "call_id": "1", "arguments": "{}"},
        {"type": "message", "role": "user", "content": parts},
    ]
    app = ScriptedResponses(["Yes."])
    answered(CitationLayer(app, queue), {**asking(), **own, "input": [*own.get("input", []), *turns]})
    (got,) = app.bodies
    assert got.get("instructions") == own.get("instructions")
    assert got["input"][:-1] == [*own.get("input", []), *turns[:2]]
    text, image = got["input"][-1]["content"]
    assert text["text"].endswith(f"\n\nQuestion: {QUESTION}")
    assert (text["type"], image) == ("input_text", parts[1])


def test_a_template_without_system_messages_gets_the_instruction_from_the_user(queue: JudgeQueue) -> None:
    app = ScriptedResponses(["Yes."], refuse_instructions=True)
    answered(CitationLayer(app, queue), asking())
    assert "instructions" not in app.bodies[1]
    assert app.bodies[1]["input"][0]["content"].startswith(f"{INSTRUCTION}\n\nThe tower")


words = st.sampled_from([
    *("The", "tower", "was", "built", "in", "1874.", "It", "ferry", "goes", "at", "nine.", "red", "why?", "\r\n"),
    *("😀", "👩\u200d🚀", "שלום", "עולם.", "مرحبا", "今日は晴れ。", "\u0301", "[1]", "**bold**", "|", "---", "- ", "#"),
])  # fmt: skip


@given(st.lists(words, max_size=25), st.booleans(), st.data())
@settings(max_examples=200, deadline=None)
def test_streamed_is_unstreamed_and_every_place_is_right(
    queue: JudgeQueue, drawn: list[str], markers: bool, data: st.DataObject
) -> None:
    answer = " ".join(drawn)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=6)))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    body = asking(cf_markers=markers)
    whole = answered(CitationLayer(ScriptedResponses([answer]), queue), body)["output"][1]["content"][0]
    text = whole["text"]
    chat = {**body, "messages": [{"role": "user", "content": QUESTION}]}
    _, content = asyncio.run(posted(CitationLayer(ScriptedChat([answer]), queue), chat))
    message = json.loads(content)["choices"][0]["message"]
    assert (text, whole["cf_statements"]) == (message["content"], message["cf_statements"])
    assert whole["annotations"] == [flat(each) for each in message["annotations"]]
    places = {(each["start"], each["end"]) for each in whole["cf_statements"]}
    assert all((each["start_index"], each["end_index"]) in places for each in whole["annotations"])

    events = streamed(CitationLayer(ScriptedResponses(pieces), queue), body)
    said, annotations = "", []
    for event in events:
        if event["type"] == "response.output_text.delta":
            said += event["delta"]
        elif event["type"] == "response.output_text.annotation.added":
            assert event["annotation_index"] == len(annotations)
            assert event["annotation"]["end_index"] <= len(said), "no citation comes before its sentence"
            annotations.append(event["annotation"])
        elif event["type"] == "response.output_text.done":
            assert (event["text"], said, annotations) == (text, text, whole["annotations"])
    *_, part_done, item_done, completed = events
    assert [e["type"].split(".")[1] for e in (part_done, item_done, completed)] == [
        "content_part", "output_item", "completed",
    ]  # fmt: skip
    assert part_done["part"] == whole
    assert item_done["item"]["content"] == [whole]
    assert completed["response"]["output"][1]["content"] == [whole]
    logprobs = [e["logprobs"] for e in events if e["type"] == "response.output_text.delta" and e["logprobs"]]
    assert logprobs == [[{"token": piece}] for piece in pieces]


def test_the_events_are_those_of_the_official_client(queue: JudgeQueue) -> None:
    events = streamed(
        CitationLayer(ScriptedResponses(["The tower was ", "built in 1874. The", " end."]), queue), asking()
    )
    added = [event for event in events if event["type"] == "response.output_text.annotation.added"]
    assert [EVENT.validate_python(event).annotation.file_id for event in added] == ["tower"]
    behind = events[events.index(added[0]) - 1]
    assert behind["type"] in ("response.output_text.delta", "response.output_text.annotation.added")


def test_what_cannot_be_cited_there_is_refused_by_name(queue: JudgeQueue) -> None:
    layer = CitationLayer(ScriptedResponses(["Yes."]), queue)
    assert "`cf_cite` has to be true at /v1/responses, but is 'verify'" in refused(layer, asking(cf_cite="verify"))
    assert "`background` has to be false where `cf_cite` is given" in refused(layer, {**asking(), "background": True})
    assert "`input` has to be a text or a list of items" in refused(layer, {**asking(), "input": 3})
    nobody = [{"role": "assistant", "content": "Hello."}]
    assert "`input` has to hold a message by the user" in refused(layer, {**asking(), "input": nobody})
    assert "has to ask in words" in refused(layer, {**asking(), "input": " "})


def test_who_leaves_is_not_waited_for(queue: JudgeQueue) -> None:
    layer = CitationLayer(ScriptedResponses(["The tower was built in 1874. It "] * 50), queue)
    status, _ = asyncio.run(posted(layer, {**asking(), "stream": True}, RESPONSES, leave_behind=8))
    assert status == 200
