"""Turn a request's text keys into the two conversations, or the two prompts, that they stand for.

Knows messages and prompts as OpenAI's API has them, and nothing of HTTP or tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .contrast_params import CONTRAST_IDS, TEXT_KEYS
from .contrast_values import check_count

PROMPT_KEY, MESSAGES_KEY, DOCUMENTS_KEY = TEXT_KEYS

Messages = list[dict[str, Any]]

_TEXT_PARTS = ("text", "input_text")
"""Types of a message's parts that hold what its author wrote."""


def both_conversations(messages: Sequence[Any], keys: Mapping[str, Any]) -> tuple[Messages, Messages | None]:
    """Return the main conversation, and the contrast conversation or `None` if the contrast is not given as text.

    Args:
        messages: The request's messages.
        keys: The request's `cf_` keys. `cf_documents` are put in front of the user's last message in the main
            conversation; `cf_contrast_prompt` replaces that message in the contrast conversation;
            `cf_contrast_messages` (JSON text) is the whole contrast conversation.

    Raises:
        ValueError: If there are two contrasts, a key of another type, or no message by a user.
    """
    check_text_keys(keys)
    main = _messages(list(messages), "messages")
    if DOCUMENTS_KEY in keys:
        return _with_documents(main, _documents(keys[DOCUMENTS_KEY])), main
    if PROMPT_KEY in keys:
        position = _last_user(main)
        return main, _replaced(main, position, _text(PROMPT_KEY, keys[PROMPT_KEY]))
    if MESSAGES_KEY in keys:
        return main, _messages(_parsed(keys[MESSAGES_KEY]), MESSAGES_KEY)
    return main, None


def both_prompts(prompt: str | list[str], keys: Mapping[str, Any]) -> tuple[str | list[str], str | None]:
    """Return the main prompt or prompts, and the contrast prompt or `None` if the contrast is not given as text.

    Args:
        prompt: A text, or several that share one contrast.
        keys: As in :func:`both_conversations`; `cf_documents` are put in front of the prompt.

    Raises:
        ValueError: If there are two contrasts, a key of another type, documents with several prompts, or messages.
    """
    check_text_keys(keys)
    if MESSAGES_KEY in keys:
        raise ValueError(f"`{MESSAGES_KEY}` has to go with a chat, but this is a prompt: give `{PROMPT_KEY}`")
    if DOCUMENTS_KEY in keys:
        if not isinstance(prompt, str):
            raise ValueError(f"`{DOCUMENTS_KEY}` has to go with one prompt of text, but `prompt` is a list")
        return with_documents(_documents(keys[DOCUMENTS_KEY]), prompt), _text("prompt", prompt)
    return prompt, _text(PROMPT_KEY, keys[PROMPT_KEY]) if PROMPT_KEY in keys else None


def each_contrast(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a request's keys once for each contrast that it gives as text, as if that were the only one.

    Args:
        keys: The request's keys. Several contrasts are a list of texts in `cf_contrast_prompt`, or a list of
            conversations in `cf_contrast_messages`.

    Raises:
        ValueError: The list is empty or too long, or a conversation is no JSON.
    """
    check_text_keys(keys)
    prompts = keys.get(PROMPT_KEY)
    if isinstance(prompts, (list, tuple)):
        if not prompts:
            raise ValueError(f"`{PROMPT_KEY}` has to be a text, or a list of texts, but is empty")
        check_count(PROMPT_KEY, prompts)
        return [{**keys, PROMPT_KEY: one} for one in prompts]
    if MESSAGES_KEY in keys:
        conversations = _parsed(keys[MESSAGES_KEY])
        if isinstance(conversations, list) and conversations and all(isinstance(one, list) for one in conversations):
            check_count(MESSAGES_KEY, conversations)
            return [{**keys, MESSAGES_KEY: json.dumps(one)} for one in conversations]
    return [dict(keys)]


def with_documents(documents: Sequence[str], *question: str) -> str:
    """Return the documents in front of the question, if there is one, with an empty line between them."""
    return "\n\n".join([*documents, *question])


def check_text_keys(keys: Mapping[str, Any]) -> None:
    """Reject more than one contrast."""
    given = [key for key in (*TEXT_KEYS, CONTRAST_IDS) if key in keys]
    if len(given) > 1:
        raise ValueError(f"`{given[0]}` has to be the only contrast, but {' and '.join(given)} are given")


def _with_documents(messages: Messages, documents: Sequence[str]) -> Messages:
    """Put documents in front of the text of the user's last message."""
    return with_last_user_text(messages, lambda text: with_documents(documents, *([text] if text else [])))


def with_last_user_text(messages: Messages, change: Callable[[str], str]) -> Messages:
    """Return the messages with another text in the user's last one.

    A message's content may be a text or a list of parts, and both make the same prompt: it is the first part of text
    that changes, because servers put separators of their own between parts.

    Args:
        messages: A conversation.
        change: Returns the other text; it is given "" if the message holds images alone.

    Raises:
        ValueError: There is no message by a user.
    """
    position = _last_user(messages)
    content = messages[position].get("content")
    if not isinstance(content, list):
        return _replaced(messages, position, change(_text("content", content)))
    for i, part in enumerate(content):
        text = part if isinstance(part, str) else part.get("text") if _is_text(part) else None
        if isinstance(text, str) and text:  # servers leave empty parts out
            whole = change(text)
            changed = whole if isinstance(part, str) else {**part, "text": whole}
            return _replaced(messages, position, [*content[:i], changed, *content[i + 1 :]])
    # Images alone.
    return _replaced(messages, position, [{"type": "text", "text": change("")}, *content])


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS


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
