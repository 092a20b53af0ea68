"""Contrasts for `LLM.generate()`: turns texts and messages into what an engine takes, under the names of the server.

request = chat_request(llm.get_tokenizer(), messages, "cad", documents=[passage], strength=1.0)
llm.generate(request.prompt, SamplingParams(max_tokens=64, extra_args=request.extra_args))
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .contrast_params import CONTRAST_IDS, METHOD, PREFIX, TEXT_KEYS, general_keys, parse_contrast
from .contrast_prompts import DOCUMENTS_KEY, MESSAGES_KEY, PROMPT_KEY, both_conversations, both_prompts, each_contrast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class OfflineRequest:
    """A prompt with its contrast.

    Args:
        prompt: The prompt for `LLM.generate()`.
        extra_args: The `extra_args` of its `SamplingParams`.
    """

    prompt: dict[str, list[int]]
    extra_args: dict[str, Any]


def chat_request(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Mapping[str, Any]],
    method: str,
    *,
    documents: Sequence[str] | None = None,
    contrast_prompt: str | Sequence[str] | None = None,
    contrast_messages: Sequence[Any] | None = None,
    template: Mapping[str, Any] | None = None,
    **parameters: Any,  # noqa: ANN401
) -> OfflineRequest:
    """Return the request for a conversation with a contrast.

    Args:
        tokenizer: The engine's tokenizer, `llm.get_tokenizer()`.
        messages: The conversation.
        method: The name of a method that an engine serves.
        documents: Texts put in front of the user's last message, and left out of the contrast.
        contrast_prompt: Or: what the user says last in the contrast; a list for several contrasts.
        contrast_messages: Or: the whole conversation of the contrast; a list of them for several.
        template: Further arguments for the chat template.
        parameters: The method's own parameters, and `cut_context`, `early_exit` or `without_adapter`; for CFG
            `negative_prompt` or `negative_messages` in the place of those above.

    Raises:
        ValueError: For what the server answers with 400, and for messages with parts other than text.
    """
    texts = {
        DOCUMENTS_KEY: documents,
        PROMPT_KEY: contrast_prompt,
        MESSAGES_KEY: contrast_messages,
    }
    keys = _keys(method, texts, parameters)
    pairs = [both_conversations([dict(message) for message in messages], one) for one in each_contrast(keys)]
    options = {"add_generation_prompt": True, **(template or {}), "tokenize": True, "return_dict": True}
    templated: Any = tokenizer.apply_chat_template

    def ids(view: Any) -> Any:  # noqa: ANN401
        return view and templated(list(map(_as_text, view)), **options)["input_ids"]

    return _request(keys, ids(pairs[0][0]), [ids(contrast) for _, contrast in pairs])


def prompt_request(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    method: str,
    *,
    documents: Sequence[str] | None = None,
    contrast_prompt: str | Sequence[str] | None = None,
    **parameters: Any,  # noqa: ANN401
) -> OfflineRequest:
    """Return the request for a prompt with a contrast; arguments and errors are those of :func:`chat_request`."""
    keys = _keys(method, {DOCUMENTS_KEY: documents, PROMPT_KEY: contrast_prompt}, parameters)
    encoded: Any = tokenizer
    pairs = [both_prompts(prompt, one) for one in each_contrast(keys)]
    contrasts = [contrast and encoded(contrast)["input_ids"] for _, contrast in pairs]
    return _request(keys, encoded(pairs[0][0])["input_ids"], contrasts)


def _keys(method: str, texts: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    named = {PREFIX + name: value for name, value in parameters.items() if value is not None}
    given = {key: value for key, value in texts.items() if value is not None}
    keys = general_keys({METHOD: method, **given, **named})
    if MESSAGES_KEY in keys:
        keys[MESSAGES_KEY] = json.dumps(keys[MESSAGES_KEY])
    return keys


def _as_text(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message with its text in place of its one part of text: few chat templates read parts."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    texts = [part if isinstance(part, str) else part.get("text") for part in content]
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise ValueError(
            f"`messages` have to be texts, or one part of text each, but one has the parts {str(content)[:60]}: give "
            "images to an engine by `LLM.chat()` or a server"
        )
    return {**message, "content": texts[0]}


def _request(keys: Mapping[str, Any], main: Any, contrasts: Sequence[Any]) -> OfflineRequest:  # noqa: ANN401
    extra_args = {key: value for key, value in keys.items() if key not in TEXT_KEYS}
    if contrasts[0] is not None:
        extra_args[CONTRAST_IDS] = list(contrasts[0]) if len(contrasts) == 1 else [list(one) for one in contrasts]
    parse_contrast(extra_args)
    return OfflineRequest({"prompt_token_ids": list(main)}, extra_args)
