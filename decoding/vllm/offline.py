"""Contrasts for `LLM.generate()`: text and messages made into what an engine takes, with the names of the server.

request = chat_request(llm.get_tokenizer(), messages, "cad", documents=[passage], strength=1.0)
llm.generate(request.prompt, SamplingParams(max_tokens=64, extra_args=request.extra_args))
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .contrast_params import CONTRAST_IDS, METHOD, PREFIX, TEXT_KEYS, pair_request
from .contrast_prompts import DOCUMENTS_KEY, MESSAGES_KEY, PROMPT_KEY, both_conversations, both_prompts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class OfflineRequest:
    """One prompt with its contrast.

    Args:
        prompt: For `LLM.generate()`.
        extra_args: For `SamplingParams`.
    """

    prompt: dict[str, list[int]]
    extra_args: dict[str, Any]


def chat_request(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Mapping[str, Any]],
    method: str,
    *,
    documents: Sequence[str] | None = None,
    contrast_prompt: str | None = None,
    contrast_messages: Sequence[Mapping[str, Any]] | None = None,
    template: Mapping[str, Any] | None = None,
    **parameters: Any,  # noqa: ANN401
) -> OfflineRequest:
    """A conversation and its contrast.

    Args:
        tokenizer: The engine's, `llm.get_tokenizer()`.
        messages: The conversation.
        method: A name of :func:`.contrast_params.served_methods`.
        documents: Put in front of the user's last message, and left out of the other view.
        contrast_prompt: Or: what the user says last in the other view.
        contrast_messages: Or: the whole conversation of the other view.
        template: Further arguments for the chat template.
        parameters: The method's own, and `cut_context` or `without_adapter`.

    Raises:
        ValueError: As the server's 400s.
    """
    texts = {
        DOCUMENTS_KEY: documents,
        PROMPT_KEY: contrast_prompt,
        MESSAGES_KEY: json.dumps(contrast_messages) if contrast_messages is not None else None,
    }
    keys = _keys(method, texts, parameters)
    views = both_conversations([dict(message) for message in messages], keys)
    options = {"add_generation_prompt": True, **(template or {}), "tokenize": True, "return_dict": True}
    templated: Any = tokenizer.apply_chat_template
    return _request(keys, [view and templated(view, **options)["input_ids"] for view in views])


def prompt_request(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    method: str,
    *,
    documents: Sequence[str] | None = None,
    contrast_prompt: str | None = None,
    **parameters: Any,  # noqa: ANN401
) -> OfflineRequest:
    """A prompt and its contrast; arguments and errors as for :func:`chat_request`."""
    keys = _keys(method, {DOCUMENTS_KEY: documents, PROMPT_KEY: contrast_prompt}, parameters)
    views = both_prompts(prompt, keys)
    return _request(keys, [view and tokenizer(view)["input_ids"] for view in views])


def _keys(method: str, texts: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    named = {PREFIX + name: value for name, value in parameters.items() if value is not None}
    given = {key: value for key, value in texts.items() if value is not None}
    return {METHOD: method, **given, **named}


def _request(keys: Mapping[str, Any], views: Sequence[Any]) -> OfflineRequest:
    main, other = views
    extra_args = {key: value for key, value in keys.items() if key not in TEXT_KEYS}
    if other is not None:
        extra_args[CONTRAST_IDS] = list(other)
    pair_request(extra_args)
    return OfflineRequest({"prompt_token_ids": list(main)}, extra_args)
