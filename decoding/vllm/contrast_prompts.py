"""What a request's text says about its two views: the same conversation, or the same prompt, in two versions.

Knows messages and prompts as OpenAI's API has them, and nothing of HTTP or tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .contrast_params import CONTRAST_IDS, TEXT_KEYS

PROMPT_KEY, MESSAGES_KEY, DOCUMENTS_KEY = TEXT_KEYS

Messages = list[dict[str, Any]]


def both_conversations(messages: Sequence[Any], keys: Mapping[str, Any]) -> tuple[Messages, Messages | None]:
    """The main view's messages and the other view's, or `None` where the contrast is not given as text.

    Args:
        messages: The request's own.
        keys: The request's `cf_` keys. `cf_documents` are put in front of the user's last message in the main view;
            `cf_contrast_prompt` takes the place of that message in the other; `cf_contrast_messages` (JSON text) are
            the other's conversation.

    Raises:
        ValueError: Two contrasts, a key of another type, or no message by a user.
    """
    check_text_keys(keys)
    main = _messages(list(messages), "messages")
    if DOCUMENTS_KEY in keys:
        return _in_front(main, _documents(keys[DOCUMENTS_KEY])), main
    if PROMPT_KEY in keys:
        return main, _instead(main, _text(PROMPT_KEY, keys[PROMPT_KEY]))
    if MESSAGES_KEY in keys:
        return main, _messages(_parsed(keys[MESSAGES_KEY]), MESSAGES_KEY)
    return main, None


def both_prompts(prompt: str | list[str], keys: Mapping[str, Any]) -> tuple[str | list[str], str | None]:
    """The main view's prompt or prompts and the other view's, or `None` where the contrast is not given as text.

    Args:
        prompt: A text, or several that share one contrast.
        keys: As in :func:`both_conversations`; `cf_documents` are put in front of the prompt.

    Raises:
        ValueError: Two contrasts, a key of another type, documents with several prompts, or messages.
    """
    check_text_keys(keys)
    if MESSAGES_KEY in keys:
        raise ValueError(f"`{MESSAGES_KEY}` has to go with a chat, but this is a prompt: give `{PROMPT_KEY}`")
    if DOCUMENTS_KEY in keys:
        if not isinstance(prompt, str):
            raise ValueError(f"`{DOCUMENTS_KEY}` has to go with one prompt of text, but `prompt` is a list")
        return placed(_documents(keys[DOCUMENTS_KEY]), prompt), _text("prompt", prompt)
    return prompt, _text(PROMPT_KEY, keys[PROMPT_KEY]) if PROMPT_KEY in keys else None


def placed(documents: Sequence[str], question: str) -> str:
    """The documents in front of the question, an empty line after each."""
    return "\n\n".join([*documents, question])


def check_text_keys(keys: Mapping[str, Any]) -> None:
    """Raise `ValueError` where more than one contrast is given."""
    given = [key for key in (*TEXT_KEYS, CONTRAST_IDS) if key in keys]
    if len(given) > 1:
        raise ValueError(f"`{given[0]}` has to be the only contrast, but {' and '.join(given)} are given")


def _in_front(messages: Messages, documents: Sequence[str]) -> Messages:
    position = _last_user(messages)
    content = messages[position].get("content")
    if isinstance(content, list):
        changed: Any = [{"type": "text", "text": placed(documents, "")}, *content]
    else:
        changed = placed(documents, _text("content", content))
    return _replaced(messages, position, changed)


def _instead(messages: Messages, text: str) -> Messages:
    return _replaced(messages, _last_user(messages), text)


def _replaced(messages: Messages, position: int, content: object) -> Messages:
    changed = [*messages]
    changed[position] = {**messages[position], "content": content}
    return changed


def _last_user(messages: Messages) -> int:
    for position in reversed(range(len(messages))):
        if messages[position].get("role") == "user":
            return position
    raise ValueError("`messages` have to hold one by the user to put a contrast to, but hold none")


def _messages(messages: object, name: str) -> Messages:
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise ValueError(f"`{name}` has to be a list of messages, but is {str(messages)[:60]!r}")
    return messages


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"`{MESSAGES_KEY}` has to be a list of messages as JSON text, but is {str(value)[:60]!r}")
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"`{MESSAGES_KEY}` has to be a list of messages as JSON text, but: {error}") from error
    except RecursionError as error:
        raise ValueError(f"`{MESSAGES_KEY}` has to be a list of messages, but nests too deep") from error


def _documents(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"`{DOCUMENTS_KEY}` has to be a list of texts, but is {str(value)[:60]!r}")
    return [_text(DOCUMENTS_KEY, document) for document in value]


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"`{name}` has to be a text, but is {str(value)[:60]!r}")
    return value
