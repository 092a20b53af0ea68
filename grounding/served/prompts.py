"""The request that the server behind the layer gets: the documents in the prompt, as `counterfoil ask` puts them there.

If the request asks for a contrast, it is the same conversation without the documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from counterfoil.attribution import Document
from counterfoil.attribution.retrieval import Passage
from counterfoil.decoding.methods import METHODS
from counterfoil.decoding.vllm.contrast_params import METHOD, general_keys
from counterfoil.decoding.vllm.contrast_prompts import (
    DOCUMENTS_KEY,
    MESSAGES_KEY,
    Messages,
    check_text_keys,
    with_last_user_text,
)

from ..messages import INSTRUCTION, user_message
from .keys import CITE, KEYS, PLACE

INSTRUCTORS = ("system", "developer")
"""The roles of those who tell the model how to answer."""


def without_citation_keys(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request without the keys of this layer."""
    return {**request, PLACE: {key: value for key, value in request[PLACE].items() if key not in KEYS}}


def question_of(messages: Messages) -> str:
    """Return the text of the user's last message of a conversation.

    Raises:
        ValueError: There is none.
    """
    asked: list[str] = []

    def read(text: str) -> str:
        asked.append(text)
        return text

    with_last_user_text(messages, read)
    if not asked[0].strip():
        raise ValueError(f"the user's last message has to ask in words if `{CITE}` is given, but has no text")
    return asked[0]


def with_documents(
    request: Mapping[str, Any], documents: Sequence[Document], *, amateur_model: bool = False
) -> list[dict[str, Any]]:
    """Return a request without citation keys, whose prompt has the documents and whose contrast has not.

    The instruction of `counterfoil ask` is the system message unless the conversation has one.

    Args:
        request: A chat request.
        documents: What to answer from.
        amateur_model: Whether the server contrasts with an amateur model, and so with no other prompt.

    Returns:
        The request, and behind it another form for a model whose template refuses system messages, if one was added.

    Raises:
        ValueError: There is no message by a user, or the request has another contrast.
    """
    check_text_keys(general_keys(request[PLACE]))
    passages = [Passage(document, 0, len(document.text)) for document in documents]
    changed = without_citation_keys(request)
    keys = {key: value for key, value in changed[PLACE].items() if key != DOCUMENTS_KEY}
    contrasted = _compares_prompts(keys, amateur_model)

    def asking(messages: Messages, before: str) -> dict[str, Any]:
        def with_passages(read: Sequence[Passage]) -> Messages:
            return with_last_user_text(messages, lambda text: before + user_message(text, read))

        contrast = {MESSAGES_KEY: json.dumps(with_passages(()))} if contrasted else {}
        return {**changed, PLACE: {**keys, **contrast}, "messages": with_passages(passages)}

    messages = messages_of(request)
    if any(message.get("role") in INSTRUCTORS for message in messages):
        return [asking(messages, "")]
    instructed = [{"role": "system", "content": INSTRUCTION}, *messages]
    return [asking(instructed, ""), asking(messages, f"{INSTRUCTION}\n\n")]


def _compares_prompts(keys: Mapping[str, Any], amateur_model: bool) -> bool:
    name = keys.get(METHOD)
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        return False
    return method.contrast == "prompt" or (method.contrast == "model" and not amateur_model)


def messages_of(request: Mapping[str, Any]) -> Messages:
    """Return the messages of a chat request.

    Raises:
        ValueError: They are no list of messages.
    """
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("`messages` has to be a list of messages")
    return messages
