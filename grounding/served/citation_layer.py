# pyright: reportMissingImports=false
"""The layer itself: an ASGI application in front of another one that has OpenAI's chat endpoint, or its responses."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

from counterfoil.decoding.vllm.server.key_check import (
    RESPONSES,
    bad_request,
    endpoint_of,
    posts_json,
    replayed,
    request_with_keys,
)
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .citer import Citer, Counts, Sources
from .inner_call import InnerResponse, called
from .keys import KEYS, PLACE, CitationRequest, asked_citations
from .prompts import messages_of, question_of, with_documents, without_citation_keys
from .response_events import CitedEvents
from .responses import cited_responses_body, conversation_of, responses_with_documents
from .rewriting import CitedStream, NewCiter, cited_response
from .sentence_check import SentenceJudge
from .stronger import check_verifiable, stronger
from .verified_answer import Application, VerifiedAnswer
from .verified_response import respond


class CitationLayer:
    """Answers requests for citations, and passes on every other one as it came.

    Args:
        app: An application with OpenAI's chat endpoint, and that of its Responses API if it has one.
        queue: The judge.
        counts: What is counted.
        amateur_model: Whether the application contrasts with an amateur model.
    """

    def __init__(
        self,
        app: ASGIApp,
        queue: SentenceJudge,
        *,
        counts: Counts | None = None,
        amateur_model: bool = False,
    ) -> None:
        self._app, self._queue, self._counts = app, queue, counts or Counts()
        self._amateur_model = amateur_model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if not posts_json(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        request, endpoint = request_with_keys(body), endpoint_of(scope)
        try:
            asked = asked_citations(request, endpoint) if request is not None else None
            if request is None or asked is None:
                await self._app(scope, replayed(_passed_on(body, request), receive), send)
                return
            is_chat = endpoint != RESPONSES
            conversation = messages_of(request) if is_chat else conversation_of(request)
            sources = Sources(asked.documents, question_of(conversation), asked.markers)
            if is_chat:
                forms = with_documents(request, asked.documents, amateur_model=self._amateur_model)
            else:
                forms = responses_with_documents(request, asked.documents)
            answering = (
                self._verified(scope, request, forms, asked, sources, send)
                if asked.verify
                else self._answer(scope, forms, sources, send, is_chat=is_chat)
            )
        except ValueError as error:
            await bad_request(str(error))(scope, receive, send)
            return
        await _while_connected(answering, receive)

    async def _answer(
        self, scope: Scope, forms: list[dict[str, Any]], sources: Sources, send: Send, *, is_chat: bool
    ) -> None:
        for form in forms:
            async with called(self._app, scope, json.dumps(form).encode()) as response:
                if response.status == 400 and form is not forms[-1]:
                    continue  # the template may refuse the message that was added
                await _send(response, _cited(response, self._citer(sources), is_chat=is_chat), send)
                return

    def _verified(
        self,
        scope: Scope,
        request: Mapping[str, Any],
        forms: list[dict[str, Any]],
        asked: CitationRequest,
        sources: Sources,
        send: Send,
    ) -> Coroutine[Any, Any, None]:
        """Return what answers a request whose sentences are decoded again if nothing supports them.

        Raises:
            ValueError: Its answer cannot be decoded sentence by sentence.
        """
        check_verifiable(request)
        answer = VerifiedAnswer(
            Application(self._app, scope),
            forms,
            with_documents(stronger(request), asked.documents, amateur_model=self._amateur_model),
            sources,
            self._queue,
            self._counts,
            asked.drop,
            request.get("max_completion_tokens") or request.get("max_tokens"),
        )
        return respond(answer, request, send)

    def _citer(self, sources: Sources) -> NewCiter:
        return lambda: Citer(sources, self._queue, self._counts)


def _passed_on(body: bytes, request: Mapping[str, Any] | None) -> bytes:
    """Return what the application gets of a request that asks for no citations."""
    keys = request.get(PLACE) if request is not None else None
    if request is None or not isinstance(keys, dict) or not any(key in keys for key in KEYS):
        return body
    return json.dumps(without_citation_keys(request)).encode()  # it says that it wants none


def _cited(response: InnerResponse, new_citer: NewCiter, *, is_chat: bool) -> AsyncGenerator[bytes, None]:
    kind = response.header(b"content-type")
    if response.status != 200:
        return response.body
    if b"event-stream" in kind:
        return (CitedStream if is_chat else CitedEvents)(new_citer).rewritten(response.body)
    cited = cited_response if is_chat else cited_responses_body
    return _whole(response.body, new_citer, cited) if b"json" in kind else response.body


async def _whole(
    body: AsyncIterator[bytes], new_citer: NewCiter, cited: Callable[[bytes, NewCiter], Awaitable[bytes]]
) -> AsyncGenerator[bytes, None]:
    yield await cited(b"".join([piece async for piece in body]), new_citer)


async def _send(response: InnerResponse, body: AsyncGenerator[bytes, None], send: Send) -> None:
    headers = [(name, value) for name, value in response.start["headers"] if name.lower() != b"content-length"]
    await send({**response.start, "headers": headers})
    async with contextlib.aclosing(body):
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _while_connected(answering: Any, receive: Receive) -> None:  # noqa: ANN401  (a coroutine)
    """Run what answers a client until it is done or the client has gone."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    answered, left = asyncio.ensure_future(answering), asyncio.ensure_future(gone())
    try:
        await asyncio.wait([answered, left], return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished = answered.done()
        for task in (answered, left):
            task.cancel()
        await asyncio.wait([answered, left])
    if finished:
        await answered
