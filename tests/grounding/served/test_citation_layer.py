"""The layer in front of an application that answers what it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the layer is an ASGI application; a server brings it")

from counterfoil.attribution import cite
from counterfoil.attribution.entailment.base import Judgement
from counterfoil.attribution.io.exports.openai import from_openai
from counterfoil.grounding.messages import INSTRUCTION
from counterfoil.grounding.served.citation_layer import CitationLayer
from counterfoil.grounding.served.judge_queue import JudgeQueue
from counterfoil.grounding.served.sentence_check import QueueFullError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scripted_chat import SameWords, ScriptedChat, chunks, posted

DOCUMENTS = [
    {"id": "tower", "title": "The tower", "text": "The tower was built in 1874. It is 31 m high."},
    {"text": "The ferry goes at nine. It is red.", "url": "https://example.org/ferry"},
    "A lone text about kelp.",
]
MESSAGES = [{"role": "user", "content": "When was the tower built?"}]


@pytest.fixture(scope="module")
def queue() -> Iterator[JudgeQueue]:
    made = JudgeQueue(SameWords())
    yield made
    made.close()


def asking(documents: Any = DOCUMENTS, **keys: Any) -> dict[str, Any]:
    keys = {"cf_cite": True, "cf_documents": documents, **keys}
    return {"model": "m", "messages": MESSAGES, "vllm_xargs": {k: v for k, v in keys.items() if v is not None}}


def answered(app: Any, body: Any) -> Any:
    status, content = asyncio.run(posted(app, body))
    assert status == 200, content
    return json.loads(content)


def streamed(app: Any, body: Any) -> dict[int, dict[str, Any]]:
    """The messages that the chunks of a stream add up to, by index."""
    status, content = asyncio.run(posted(app, {**body, "stream": True}))
    assert status == 200, content
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks(content):
        for choice in chunk["choices"]:
            message = found.setdefault(
                choice["index"], {"content": "", "annotations": [], "cf_statements": [], "finish_reason": None}
            )
            assert message["finish_reason"] is None, "nothing follows the end of a choice"
            message["finish_reason"] = choice["finish_reason"]
            for name in ("content", "annotations", "cf_statements"):
                message[name] += choice["delta"].get(name) or type(message[name])()
            # No verdict comes before its sentence.
            assert all(each["end"] <= len(message["content"]) for each in message["cf_statements"])
    return found


def test_sentences_are_cited(queue: JudgeQueue) -> None:
    answer = "The tower was built in 1874. The ferry goes at nine. Nobody knows why."
    (choice,) = answered(CitationLayer(ScriptedChat([answer]), queue), asking())["choices"]
    message = choice["message"]
    assert message["content"] == answer
    tower, ferry = message["annotations"]
    assert {name: tower[name] for name in ("type", "file_id", "index", "start_index", "end_index")} == {
        "type": "file_citation", "file_id": "tower", "index": 28, "start_index": 0, "end_index": 28,
    }  # fmt: skip
    assert tower["cf_citation"] == {
        "document": "tower", "marker": "1", "status": "supported", "score": 1.0, "start": 0, "end": 28,
        "quote": "The tower was built in 1874.", "failure": None,
    }  # fmt: skip
    assert ferry["type"] == "url_citation"
    assert ferry["url_citation"] == {
        "start_index": 29, "end_index": 52, "url": "https://example.org/ferry", "title": "2",
    }  # fmt: skip
    assert [each["status"] for each in message["cf_statements"]] == ["supported", "supported", "not_supported"]
    assert [link.document for link in from_openai(message).links] == ["tower", "https://example.org/ferry"]


def test_the_application_gets_the_prompt_of_ask(queue: JudgeQueue) -> None:
    app = ScriptedChat(["Yes."])
    body = asking(cf_method="cad", cf_strength=1.0, mine=3)
    answered(CitationLayer(app, queue), body)
    (got,) = app.bodies
    question = "Question: When was the tower built?"
    texts = "\n\n".join([DOCUMENTS[0]["text"], DOCUMENTS[1]["text"], DOCUMENTS[2]])  # type: ignore[index, list-item]
    system = {"role": "system", "content": INSTRUCTION}
    assert got["messages"] == [system, {"role": "user", "content": f"{texts}\n\n{question}"}]
    contrast = got["vllm_xargs"].pop("cf_contrast_messages")
    assert json.loads(contrast) == [system, {"role": "user", "content": question}]
    assert got["vllm_xargs"] == {"cf_method": "cad", "cf_strength": 1.0, "mine": 3}


def test_a_system_message_of_the_client_stays_the_only_one(queue: JudgeQueue) -> None:
    app = ScriptedChat(["Yes."])
    own = [{"role": "system", "content": "Be brief."}, *MESSAGES]
    answered(CitationLayer(app, queue), {**asking(), "messages": own})
    assert [message["role"] for message in app.bodies[0]["messages"]] == ["system", "user"]
    assert app.bodies[0]["messages"][0] == own[0]
    assert app.bodies[0]["vllm_xargs"] == {}


def test_a_template_without_system_messages_gets_the_instruction_from_the_user(queue: JudgeQueue) -> None:
    chat = ScriptedChat(["Yes."])

    async def without_system(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        if json.loads(message["body"])["messages"][0]["role"] == "system":
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"System role not supported"})
            return

        async def again() -> Any:
            return message

        await chat(scope, again, send)

    answered(CitationLayer(without_system, queue), asking())
    (message,) = chat.bodies[0]["messages"]
    assert message["content"].startswith(f"{INSTRUCTION}\n\nThe tower")


words = st.sampled_from([
    *("The", "tower", "was", "built", "in", "1874.", "It", "ferry", "goes", "at", "nine.", "red", "kelp", "why?"),
    *("😀", "👩\u200d🚀", "שלום", "עולם.", "مرحبا", "؟", "今日は晴れ。", "\u200b", "\u0301", "[1]", "[2],"),
    *("2.4", "e.g.", "Dr.", "**bold**", "`code`", "|", "---", "a|b", "-", "*", "#", "[a](https://b.c)", "<b>", "</b>"),
])  # fmt: skip
space = st.sampled_from([*[" "] * 4, "\n", "\r\n", "\n\n", "\r\n\r\n", "\n- ", "\n| ", " | ", "\n|---|---|\n", "\n# "])
texts = st.lists(st.tuples(words, space), min_size=1, max_size=25).map(lambda all_: "".join(a + b for a, b in all_))
TABLE = "| year | what |\n|---|---|\n| 1874 | The tower |\n| 1902 | The ferry |\n"


@settings(deadline=None, max_examples=200)
@given(
    st.lists((texts | st.just(TABLE)).filter(str.strip), min_size=1, max_size=3),
    texts | st.just(TABLE) | st.text(max_size=60),
    st.booleans(),
    st.data(),
)
def test_places_are_right_and_streamed_is_unstreamed(
    queue: JudgeQueue, documents: list[str], answer: str, markers: bool, data: st.DataObject
) -> None:
    answer = data.draw(st.sampled_from([answer, documents[0] + answer]))
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=12).map(sorted))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    layer = CitationLayer(ScriptedChat(pieces), queue)
    request = asking(documents, cf_markers=markers)
    (choice,) = answered(layer, request)["choices"]
    message = choice["message"]
    text = message["content"]
    if not markers:
        assert text == answer
    for statement in message["cf_statements"]:
        shown = text[statement["start"] : statement["end"]]
        if markers:
            assert cited_away(shown, statement["citations"]) == statement["text"]
        else:
            assert shown == statement["text"] or ("[" in shown and stands_in(statement["text"], shown))
        for citation in statement["citations"]:
            source = documents[int(citation["document"]) - 1]
            assert source[citation["start"] : citation["end"]] == citation["quote"]
    places = [(a["start_index"], a["end_index"]) for a in message["annotations"]]
    assert places == [(s["start"], s["end"]) for s in message["cf_statements"] for _ in s["citations"]]
    expected = {name: message[name] for name in ("content", "annotations", "cf_statements")}
    assert streamed(layer, request) == {0: {**expected, "finish_reason": "stop"}}


def stands_in(text: str, shown: str) -> bool:
    """Whether a text is another one with words (the model's own markers) left out."""
    rest = iter(shown)
    return all(character in rest for character in text)


def cited_away(shown: str, citations: list[dict[str, Any]]) -> str:
    """The sentence without its markers."""
    marker = "".join(f"[{citation['marker']}]" for citation in citations)
    return shown.replace(f" {marker}", "", 1) if marker else shown


@pytest.mark.parametrize(
    "answer",
    [
        "The tower was built in 1874. The ferry goes at nine. Nobody knows why.",
        "# The tower\n\nThe tower was built in 1874. It is red.\n\n- The ferry goes at nine.\n- Yes\n",
        f"See the table.\n\n{TABLE}\nThe tower was built in 1874.",
        "😀 The tower was built in 1874 [2].\r\n\r\nThe ferry goes at nine.",
    ],
)
def test_marked_text_is_that_of_cite(queue: JudgeQueue, answer: str) -> None:
    documents = [document if isinstance(document, str) else document["text"] for document in DOCUMENTS]
    (choice,) = answered(CitationLayer(ScriptedChat([answer]), queue), asking(documents, cf_markers=True))["choices"]
    cited = cite(answer, documents, entailment=SameWords(), detail_check=False, question=MESSAGES[0]["content"])
    assert choice["message"]["content"] == cited.text
    assert [s["citations"] for s in choice["message"]["cf_statements"]] == [
        [{**citation, "failure": None} for citation in found]
        for found in [[vars(c) for c in statement.citations] for statement in cited.statements]
    ]


def test_every_choice_is_cited(queue: JudgeQueue) -> None:
    layer = CitationLayer(ScriptedChat(["The ferry goes", " at nine. It is", " red."], choices=3), queue)
    choices = answered(layer, asking())["choices"]
    first, *others = ({**choice["message"]} for choice in choices)
    assert first["annotations"]
    assert others == [first, first]
    assert [each["annotations"] for each in streamed(layer, asking()).values()] == [
        choice["message"]["annotations"] for choice in choices
    ]


def test_text_is_not_held_back_and_a_verdict_does_not_wait_for_the_end(queue: JudgeQueue) -> None:
    """The stream stops behind a sentence and the word that shows that it has ended."""

    async def seen(markers: bool, awaited: str) -> str:
        chat = ScriptedChat(["The tower was built in 1874. It ", "is "])
        chat.hold = asyncio.Event()
        got: list[bytes] = []
        enough = asyncio.Event()

        async def layer(scope: Any, receive: Any, send: Any) -> None:
            async def noted(message: Any) -> None:
                got.append(message.get("body", b""))
                if b"cf_statements" in got[-1]:
                    enough.set()
                await send(message)

            await CitationLayer(chat, queue)(scope, receive, noted)

        request = {**asking(cf_markers=markers), "stream": True}
        running = asyncio.ensure_future(posted(layer, request))
        # The model is held: what arrives now is all that may be seen before its next word.
        until = time.monotonic() + 20
        while text(got) != awaited and time.monotonic() < until:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        before = text(got)
        chat.hold.set()
        await running
        assert enough.is_set()
        return before

    def text(got: list[bytes]) -> str:
        events = [json.loads(event[6:]) for event in b"".join(got).decode().split("\n\n") if event]
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events)

    assert asyncio.run(seen(False, "The tower was built in 1874. It ")) == "The tower was built in 1874. It "
    marked = asyncio.run(seen(True, ""))
    assert marked in ("", "The tower was built in 1874 [1]. "), marked


class Failing(SameWords):
    """Fails when it is told to."""

    def judge(self, pairs: Any) -> list[Judgement]:
        if any("ferry" in pair.hypothesis for pair in pairs):
            raise RuntimeError("out of paper")
        return super().judge(pairs)


def test_a_judge_that_fails_fails_one_sentence_alone() -> None:
    queue = JudgeQueue(Failing())
    chat = ScriptedChat(["The tower was built in 1874. The ferry goes at nine."])
    for message in (
        answered(CitationLayer(chat, queue), asking())["choices"][0]["message"],
        streamed(CitationLayer(chat, queue), asking())[0],
    ):
        assert message["content"] == chat.pieces[0]
        assert [each["status"] for each in message["cf_statements"]] == ["supported", "not_checked"]
        assert message["cf_statements"][1]["failure"] == "the judge failed: RuntimeError: out of paper"
    queue.close()


def test_a_full_queue_leaves_a_sentence_unchecked() -> None:
    let_go = threading.Event()

    class Slow(SameWords):
        def judge(self, pairs: Any) -> list[Judgement]:
            let_go.wait(20)
            return super().judge(pairs)

    class Refusing(JudgeQueue):
        refused = 0

        def submit(self, steps: Any) -> Any:
            try:
                return super().submit(steps)
            except QueueFullError:
                self.refused += 1
                if self.refused == 2:
                    let_go.set()
                raise

    queue = Refusing(Slow(), limit=1)
    chat = ScriptedChat(["The tower was built in 1874. The ferry goes at nine. It is red."])
    message = answered(CitationLayer(chat, queue), asking())["choices"][0]["message"]
    assert [each["status"] for each in message["cf_statements"]] == ["supported", "not_checked", "not_checked"]
    assert message["cf_statements"][1]["failure"] == "the judge's queue is full (1 sentences)"
    queue.close()


def test_a_judge_that_takes_too_long_is_not_waited_for() -> None:
    let_go = threading.Event()

    class Slow(SameWords):
        def judge(self, pairs: Any) -> list[Judgement]:
            let_go.wait(20)
            return super().judge(pairs)

    queue = JudgeQueue(Slow(), patience=0.2)
    for markers in (False, True):
        chat = ScriptedChat(["The tower was built in 1874. ", "It is red."])
        message = streamed(CitationLayer(chat, queue), asking(cf_markers=markers))[0]
        assert message["content"] == "The tower was built in 1874. It is red."
        assert {each["failure"] for each in message["cf_statements"]} == {
            "the judge gave no verdict within 0.2 seconds"
        }
    let_go.set()
    queue.close()


def test_an_answer_without_text_has_no_citations(queue: JudgeQueue) -> None:
    for content in (None, "", [{"type": "text", "text": "A."}]):
        message = {"role": "assistant", "content": content, "tool_calls": []}
        body = json.dumps({"choices": [{"index": 0, "message": message}]}).encode()

        async def calling(scope: Any, receive: Any, send: Any, body: bytes = body) -> None:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        (choice,) = answered(CitationLayer(calling, queue), asking())["choices"]
        assert choice["message"] == {**message, "annotations": [], "cf_statements": []}


def test_a_client_that_leaves_ends_the_answer_and_its_checks() -> None:
    let_go = threading.Event()

    class Slow(SameWords):
        asked = 0

        def judge(self, pairs: Any) -> list[Judgement]:
            self.asked += 1
            let_go.wait(20)
            return super().judge(pairs)

    judge = Slow()
    queue = JudgeQueue(judge)

    async def left() -> ScriptedChat:
        chat = ScriptedChat(["The tower was built in 1874. It is ", "red."])
        chat.hold = asyncio.Event()
        await posted(CitationLayer(chat, queue), {**asking(), "stream": True}, leave_behind=2)
        return chat

    assert asyncio.run(left()).gone
    let_go.set()
    queue.close()
    assert judge.asked <= 1, "the second question of a check that nobody waits for is not asked"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"no json",
        b'{"messages": [{"content": "cf_cite"}]}',
        json.dumps({"vllm_xargs": {"cf_method": "cad"}}).encode(),
    ],
)
def test_other_requests_and_their_answers_pass_as_they_came(queue: JudgeQueue, body: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses"):
        chat = ScriptedChat(["One. ", "Two."])
        status, content = asyncio.run(posted(CitationLayer(chat, queue), body, path))
        assert (status, chat.raw, content) == (200, [body], b"".join(chat.sent))


def test_so_does_the_stream_of_one_without_citations(queue: JudgeQueue) -> None:
    chat = ScriptedChat(["One. ", "Two."])
    body = json.dumps({"messages": MESSAGES, "stream": True}).encode()
    assert asyncio.run(posted(CitationLayer(chat, queue), body)) == (200, b"".join(chat.sent))


def test_a_request_that_wants_no_citations_says_so(queue: JudgeQueue) -> None:
    chat = ScriptedChat(["One."])
    answered(CitationLayer(chat, queue), asking(cf_cite=False, cf_markers=False, cf_method="cad"))
    assert chat.bodies[0]["vllm_xargs"] == {"cf_documents": DOCUMENTS, "cf_method": "cad"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"vllm_xargs": {"CF_CITE": True}}, "`CF_CITE` is not known: keys are in lower case, `cf_cite`"),
        ({"cf_cite": True}, "`cf_cite` has to be in `vllm_xargs`, but stands beside it"),
        ({"extra_body": {"cf_markers": True}}, "`cf_markers` has to be in `vllm_xargs`, but stands in `extra_body`"),
        (asking(cf_cite="yes"), "`cf_cite` has to be true, false or 'verify', but is 'yes'"),
        (asking(cf_markers=2), "`cf_markers` has to be true or false, but is 2"),
        (asking(cf_cite=None, cf_markers=True), "`cf_markers` has to go with `cf_cite`: true, but that is missing"),
        (asking(cf_cite=False, cf_markers=True), "`cf_markers` has to go with `cf_cite`: true, but that is false"),
        (asking(None), "`cf_cite` has to go with `cf_documents`"),
        (asking([]), "`cf_documents` has to be a list of texts or objects with a text, but is []"),
        (asking("text"), "`cf_documents` has to be a list of texts or objects with a text, but is 'text'"),
        (asking([3]), "`cf_documents[0]` has to be a text or an object with a text, but is 3"),
        (asking(["a", {"id": "b"}]), "`cf_documents[1]` has to have a text, but has none"),
        (asking([" "]), "`cf_documents[0]` has to have a text, but has none"),
        (asking([{"text": "a", "page": 3}]), "has to have the fields id, title, text, url alone, but has `page`"),
        (asking([{"text": "a", "id": 3}]), "the id of `cf_documents[0]` has to be a text, but is 3"),
        (asking(["a", {"text": "b", "id": "1"}]), "`cf_documents` have to have different ids, but two are called '1'"),
        (asking(cf_contrast_prompt="Hm?"), "has to be the only contrast"),
        ({**asking(), "messages": []}, "`messages` have to hold one by the user"),
        ({**asking(), "messages": "a"}, "`messages` has to be a list of messages"),
        ({**asking(), "messages": [{"role": "user", "content": []}]}, "has to ask in words if `cf_cite` is given"),
    ],
)
def test_a_wrong_key_is_refused_by_name_before_anything_is_decoded(
    queue: JudgeQueue, request_: dict[str, Any], message: str
) -> None:
    chat = ScriptedChat(["One."])
    status, content = asyncio.run(posted(CitationLayer(chat, queue), request_))
    error = json.loads(content)["error"]
    assert (status, error["type"], error["param"], error["code"]) == (400, "BadRequestError", "vllm_xargs", 400)
    assert message in error["message"]
    assert not chat.bodies


def test_at_another_endpoint_citations_are_refused(queue: JudgeQueue) -> None:
    for path in ("/v1/completions", "/v1/messages"):
        status, content = asyncio.run(posted(CitationLayer(ScriptedChat([]), queue), asking(), path))
        assert status == 400
        assert (
            f"`cf_cite` is understood at /v1/chat/completions and /v1/responses, but not at {path}"
            in json.loads(content)["error"]["message"]
        )
