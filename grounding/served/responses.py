"""Citations at `/v1/responses`: the documents in a request of OpenAI's Responses API, and a whole response of it.

Its output is a list of items; those that are messages hold parts of text, each with `annotations` of its own. They are
those of a chat message, with the fields of a `url_citation` beside its type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from counterfoil.attribution import Document
from counterfoil.attribution.retrieval import Passage
from counterfoil.decoding.vllm.contrast_prompts import DOCUMENTS_KEY, Messages, with_last_user_text

from ..messages import INSTRUCTION, user_message
from .citer import STATEMENTS, Sent
from .keys import CITE, PLACE
from .prompts import INSTRUCTORS, without_citation_keys
from .rewriting import NewCiter

INSTRUCTIONS = "instructions"
"""The field of a request that its API has for a system message."""

BACKGROUND = "background"
"""The field of a request that has the answer written while its client does not wait for it."""


def conversation_of(request: Mapping[str, Any]) -> Messages:
    """Return the input of a request as messages; other items of it (calls of tools and their results) are among them.

    Raises:
        ValueError: It is something else.
    """
    given = request.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise ValueError("`input` has to be a text or a list of items")
    if not any(item.get("role") == "user" for item in given):
        raise ValueError("`input` has to hold a message by the user, which asks, but holds none")
    return given


def responses_with_documents(request: Mapping[str, Any], documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Return a request without keys of citations, in whose prompt the documents stand.

    The instruction of `counterfoil ask` is its `instructions`, unless it has some, or a system message.

    Args:
        request: A request of the Responses API.
        documents: What to answer from.

    Returns:
        The request, and behind it another form for a model whose template refuses system messages, if one was added.

    Raises:
        ValueError: There is no message by a user, or the answer is to be written in the background.
    """
    if request.get(BACKGROUND):
        raise ValueError(f"`{BACKGROUND}` has to be false where `{CITE}` is given, but is true: who asks has to wait")
    passages = [Passage(document, 0, len(document.text)) for document in documents]
    changed = without_citation_keys(request)
    keys = {key: value for key, value in changed[PLACE].items() if key != DOCUMENTS_KEY}
    messages = conversation_of(request)

    def asking(before: str, **more: str) -> dict[str, Any]:
        read = with_last_user_text(messages, lambda text: before + user_message(text, passages))
        return {**changed, PLACE: keys, "input": read, **more}

    if request.get(INSTRUCTIONS) or any(message.get("role") in INSTRUCTORS for message in messages):
        return [asking("")]
    return [asking("", instructions=INSTRUCTION), asking(f"{INSTRUCTION}\n\n")]


def flat(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an annotation of a chat message as the Responses API writes it."""
    kept = {name: value for name, value in annotation.items() if name != "url_citation"}
    return {**kept, **annotation.get("url_citation", {})}


def cited_part(part: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
    """Return a part of text with the citations of its sentences.

    Args:
        part: The part.
        sent: All that was sent of it.
    """
    annotations = [flat(annotation) for annotation in sent.annotations]
    return {**part, "text": sent.text, "annotations": annotations, STATEMENTS: sent.statements}


def texts_of(item: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the parts of an item that are text of the answer, with their places among its parts."""
    if item.get("type") != "message":
        return
    for place, part in enumerate(item.get("content") or ()):
        if part.get("type") == "output_text":
            yield place, part


async def cite_items(items: Sequence[dict[str, Any]], new_citer: NewCiter) -> None:
    """Put citations into the texts of items of the output."""
    found = [(item, place, part) for item in items for place, part in texts_of(item)]
    citers = [new_citer() for _ in found]
    try:
        begun = []
        for (_, _, part), citer in zip(found, citers, strict=True):  # all are asked before one is waited for
            begun.append(citer.feed(part["text"]))
            citer.finish()
        for (item, place, part), citer, sent in zip(found, citers, begun, strict=True):
            async for more in citer.rest():
                sent += more  # noqa: PLW2901
            item["content"][place] = cited_part(part, sent)
    finally:
        for citer in citers:
            citer.leave()


async def cited_responses_body(body: bytes, new_citer: NewCiter) -> bytes:
    """Return the body of a whole response with citations in the texts of its output."""
    response = json.loads(body)
    await cite_items(response.get("output") or (), new_citer)
    return json.dumps(response, ensure_ascii=False, separators=(",", ":")).encode()
