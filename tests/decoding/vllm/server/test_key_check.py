"""Requests with our keys where they would be ignored are refused by name; every other request passes as it came."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="the check is one of vLLM's server")

from counterfoil.decoding.vllm.server.key_check import CITATION_KEYS, KeyCheck

CHAT = "/v1/chat/completions"
CAD = {"cf_method": "cad", "cf_contrast_ids": [1, 2]}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
"""What JSON may come in, and what vLLM's server reads: with and without a byte order mark."""


def posted(body: bytes, path: str = CHAT, content_type: str = "application/json") -> tuple[int, Any, list[bytes]]:
    """Status and content of the answer, and the bodies that reached the server."""
    reached: list[bytes] = []
    answers: list[Any] = []

    async def server(_scope: Any, receive: Any, send: Any) -> None:
        reached.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": "",
        "headers": [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())],
    }
    parts = [body[:7], body[7:]]

    async def receive() -> dict:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: dict) -> None:
        answers.append(message)

    asyncio.run(KeyCheck(server)(scope, receive, send))  # type: ignore[arg-type]
    content = b"".join(message.get("body", b"") for message in answers)
    return answers[0]["status"], content, reached


def refused(request: Any, path: str = CHAT, encoding: str = "utf-8") -> str:
    status, content, reached = posted(json.dumps(request).encode(encoding), path)
    assert not reached
    error = json.loads(content)["error"]
    assert (status, error["code"], error["type"]) == (400, 400, "BadRequestError")
    return error["message"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=3)
)


@settings(deadline=None, max_examples=60)
@given(st.binary() | st.builds(lambda v, e: json.dumps(v).encode(e), json_values, st.sampled_from(ENCODINGS)))
def test_a_plain_request_reaches_the_server_as_it_came(body: bytes) -> None:
    assert posted(body) == (200, b"answered", [body])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_so_does_one_with_its_keys_in_their_place(encoding: str) -> None:
    body = json.dumps({"messages": [], "vllm_xargs": CAD}).encode(encoding)
    for path in (CHAT, "/v1/completions"):
        assert posted(body, path) == (200, b"answered", [body])


@pytest.mark.parametrize(
    "body",
    [
        b'{"prompt": "cf_method"',
        b'["cf_method"]',
        b'{"messages": [{"content": "cf_method"}], "vllm_xargs": 3, "extra_body": "cf_method"}',
        b'{"tools": [{"function": {"name": "f", "parameters": {"properties": {"cf_method": {}}}}}]}',
        b'{"cf_method": \xff}',
        b"[" * 100_000 + b'"cf_"',
    ],
)
def test_so_does_one_that_only_speaks_of_our_keys_or_is_not_json(body: bytes) -> None:
    assert posted(body) == (200, b"answered", [body])


def test_a_form_is_not_even_read() -> None:
    body = b'{"vllm_xargs": {"cf_method": "x"}}'
    assert posted(body, content_type="multipart/form-data") == (200, b"answered", [body[:7]])  # as it streams in


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages", "/v1/chat/completions/batch", "/invocations"])
def test_elsewhere_a_contrast_is_refused_rather_than_ignored(path: str, encoding: str) -> None:
    assert f"not at {path}" in refused({"vllm_xargs": CAD}, path, encoding)


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        ({"cf_method": "cad"}, "stands beside it"),
        ({"extra_body": {"vllm_xargs": CAD}}, "stands in `extra_body`"),
        ({"extra_body": CAD}, "stands in `extra_body`"),
        ({"extra_args": CAD}, "stands in `extra_args`"),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_key_out_of_place_is_refused_rather_than_ignored(request_: Any, where: str, encoding: str) -> None:
    assert refused(request_, encoding=encoding) == f"`cf_method` has to be in `vllm_xargs`, but {where}"


@pytest.mark.parametrize("key", ["CF_METHOD", "Cf_Method", "cf_Method", "_CF_MEMBER"])
def test_a_key_in_another_case_is_refused_by_name(key: str) -> None:
    for request in ({"vllm_xargs": {key: "cad"}}, {key: "cad"}, {"vllm_xargs": {**CAD, key: "cad"}}):
        assert refused(request) == f"`{key}` is not known: keys are in lower case, `{key.lower()}`"


@pytest.mark.parametrize("key", ["cf_method", "CF_METHOD"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_key_that_is_spelt_with_escapes_is_found(key: str, position: int) -> None:
    for digits in (f"{ord(key[position]):04x}", f"{ord(key[position]):04X}"):
        spelt = key[:position] + f"\\u{digits}" + key[position + 1 :]
        status, _, reached = posted(f'{{"{spelt}": "cad"}}'.encode())
        assert (status, reached) == (400, [])


@pytest.mark.parametrize(
    ("key", "value"), [("cf_strength", True), ("cf_contrast_ids", [1, False]), ("cf_documents", [True])]
)
def test_true_and_false_are_refused_where_vllm_would_make_numbers_of_them(key: str, value: object) -> None:
    assert f"`{key}` has to be given otherwise than by true and false" in refused({"vllm_xargs": {**CAD, key: value}})
    body = json.dumps({"vllm_xargs": {**CAD, "cf_without_adapter": True}}).encode()
    assert posted(body) == (200, b"answered", [body])


@pytest.mark.parametrize("fields", [{"guidance_scale": 1.5}, {"negative_prompt": "A"}])
def test_guidance_is_a_field_of_the_request_itself(fields: dict[str, Any]) -> None:
    (name,) = fields
    for path in (CHAT, "/v1/completions"):
        body = json.dumps({"messages": [], **fields}).encode()
        assert posted(body, path) == (200, b"answered", [body])
    for place in ("vllm_xargs", "extra_body", "extra_args"):
        expected = f"`{name}` has to be a field of the request itself, but stands in `{place}`"
        assert refused({"messages": [], place: fields}) == expected
    assert f"`{name}` is understood at" in refused({"input": "A", **fields}, "/v1/responses")


def test_guidance_that_is_none_is_none() -> None:
    body = json.dumps({"input": "A", "guidance_scale": None, "negative_prompt": ""}).encode()
    assert posted(body, "/v1/responses") == (200, b"answered", [body])


@pytest.mark.parametrize("key", ["cf_cite", "cf_markers", "cf_unsupported"])
def test_citations_are_refused_by_a_server_that_was_started_without(key: str) -> None:
    keys = {key: True, "cf_documents": [{"text": "A"}]}
    assert (
        refused({"vllm_xargs": keys}) == f"`{key}` is not served here: start the server with counterfoil serve --cite"
    )


def test_a_server_that_is_switched_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_DISABLE", "1")
    assert "COUNTERFOIL_DISABLE is set" in refused({"messages": [], "vllm_xargs": CAD})
    assert "COUNTERFOIL_DISABLE is set" in refused({"messages": [], "guidance_scale": 1.5})
    for key in CITATION_KEYS:
        told = refused({"messages": [], "vllm_xargs": {key: True, "cf_documents": [{"text": "A"}]}})
        assert told.startswith(f"`{key}` is not served here: COUNTERFOIL_DISABLE is set")
    assert posted(b"{}") == (200, b"answered", [b"{}"])
