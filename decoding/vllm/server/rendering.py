# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Render the contrast of a request where the server renders the request itself.

Each of the two endpoints has an object whose method `render_..._request` turns a request into prompts. This module
takes that method's place: the original renders the main prompt, once, and the same renderer renders the contrast, with
the same chat template, tools and options. What cannot be served is answered with 400 before the engine sees it.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from pydantic import ValidationError
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.exception_handling.error_response import create_error_response
from vllm.entrypoints.serve.utils.api_utils import get_max_tokens
from vllm.renderers.inputs.preprocess import extract_prompt_components

from ..contrast_params import (
    CONTRAST_IDS,
    TEXT_KEYS,
    ParsedArgs,
    general_keys,
    has_contrast_keys,
    is_traced,
    parse_contrast,
    takes_contrast,
)
from ..contrast_prompts import both_conversations, both_prompts, each_contrast
from ..engine_limits import EngineLimits, check_prompt_logprobs
from .guidance_fields import asked_guidance, with_guidance

Request = Any
"""vLLM's `ChatCompletionRequest` or `CompletionRequest`."""
Serving = Any
"""vLLM's `OpenAIServingChat` or `OpenAIServingCompletion`, which serves one endpoint."""
Inputs = Any
"""A list of vLLM's `EngineInput`, one for each prompt of a request."""
Render = Callable[[Request], Awaitable[Any]]

_OF_THE_ANSWER = ("max_tokens", "max_completion_tokens")
"""Fields of a request that the contrast does not share: the room for the answer is checked for both prompts at once."""


def render_contrasts(state: Any) -> None:  # noqa: ANN401  (starlette's State)
    """Have the server's endpoints render contrasts.

    Args:
        state: The state of the server's application; holds the objects that serve the endpoints.

    Raises:
        AttributeError: If this version of vLLM renders elsewhere.
    """
    chat, completion = state.openai_serving_chat, state.openai_serving_completion
    if chat is not None:
        chat.render_chat_request = _with_contrast(chat.render_chat_request, _Chat(chat), state)
    if completion is not None:
        completion.render_completion_request = _with_contrast(
            completion.render_completion_request, _Completion(completion), state
        )


class _Endpoint(Protocol):
    serving: Serving

    def contrast_of(self, request: Request, keys: Mapping[str, Any]) -> Request | None:
        """Leave the main prompt in `request`; return a request with the contrast prompt, or `None` without a text."""
        ...

    async def render(self, contrast: Request) -> Inputs | ErrorResponse:
        """Return the engine's inputs for a contrast, or the server's error response."""
        ...

    def inputs(self, rendered: Inputs | tuple[object, Inputs]) -> Inputs:
        """Return the engine's inputs in what the original method returns."""
        ...


class _Chat:
    """Chat requests.

    Args:
        serving: vLLM's object that serves them.
    """

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def contrast_of(self, request: Request, keys: Mapping[str, Any]) -> Request | None:
        request.messages, contrast = both_conversations(list(map(_listed, request.messages)), keys)
        if contrast is None:
            return None
        # Copied, because vLLM changes messages; validated, because these may have come as text.
        contrast = type(request).model_validate({"messages": copy.deepcopy(contrast)})
        return request.model_copy(update={"messages": contrast.messages, **dict.fromkeys(_OF_THE_ANSWER)})

    async def render(self, contrast: Request) -> Inputs | ErrorResponse:
        # Past the cache of images: the server would otherwise believe that the engine has those of the contrast.
        rendered = await self.serving.online_renderer.render_chat(contrast, skip_mm_cache=True)
        return self.inputs(rendered) if isinstance(rendered, tuple) else rendered

    def inputs(self, rendered: Inputs | tuple[object, Inputs]) -> Inputs:
        _conversation, inputs = rendered
        return inputs


class _Completion:
    """Completion requests.

    Args:
        serving: vLLM's object that serves them.
    """

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def contrast_of(self, request: Request, keys: Mapping[str, Any]) -> Request | None:
        request.prompt, contrast = both_prompts(request.prompt, keys)
        if contrast is None:
            return None
        return request.model_copy(update={"prompt": contrast, "prompt_embeds": None, "max_tokens": None})

    async def render(self, contrast: Request) -> Inputs | ErrorResponse:
        return await self.serving.online_renderer.render_completion(contrast, skip_mm_cache=True)

    def inputs(self, rendered: Inputs | tuple[object, Inputs]) -> Inputs:
        return rendered


def _with_contrast(render: Render, endpoint: _Endpoint, state: Any) -> Render:  # noqa: ANN401
    """Return the method that takes the place of `render`."""

    @functools.wraps(render)
    async def with_contrast(request: Request) -> object:
        if not has_contrast_keys(request.vllm_xargs) and not asked_guidance(request.model_extra):
            return await render(request)
        limits = EngineLimits.of(state.vllm_config)
        try:
            request.vllm_xargs = with_guidance(request.vllm_xargs, request.model_extra)
            extra_args = await _rendered_args(request, endpoint)
            if isinstance(extra_args, ErrorResponse):
                return extra_args
            params = parse_contrast(extra_args, amateur_model=limits.amateur_model)
        except ValueError as error:
            return create_error_response(_described(error), param="vllm_xargs")
        assert params is not None
        request.vllm_xargs = ParsedArgs(extra_args, params)
        rendered = await render(request)
        if isinstance(rendered, ErrorResponse):
            return rendered
        inputs = endpoint.inputs(rendered)
        try:
            for one in inputs:
                tokens = len(_token_ids(endpoint.serving, one, "the prompt"))
                limits.check(params, tokens, _new_tokens(request, endpoint.serving, tokens))
        except ValueError as error:
            _forget_images(endpoint.serving, inputs)
            return create_error_response(str(error), param="vllm_xargs")
        return rendered

    return with_contrast


async def _rendered_args(request: Request, endpoint: _Endpoint) -> dict[str, Any] | ErrorResponse:
    """Return the request's `vllm_xargs` with a contrast that was given as text as token ids, or an error response.

    The main prompt stays in the request.
    """

    if request.use_beam_search:
        raise ValueError("`use_beam_search` has to be left out where a contrast is asked for: there are no beams")
    if request.kv_transfer_params is not None:
        raise ValueError("`kv_transfer_params` has to be left out where a contrast is asked for")
    keys = general_keys(request.vllm_xargs)
    if not takes_contrast(keys):
        return keys
    check_prompt_logprobs(request.prompt_logprobs)
    if is_traced(keys) and not request.logprobs:
        # The trace stands beside them. A chat asks by true, a prompt by how many other tokens it wants to see.
        request.logprobs = 0 if hasattr(request, "prompt") else True
    extra_args = {key: value for key, value in keys.items() if key not in TEXT_KEYS}
    found: list[list[int]] = []
    for one in each_contrast(keys):
        contrast = endpoint.contrast_of(request, one)
        if contrast is None:
            return extra_args
        try:
            rendered = await endpoint.render(contrast)
        except Exception as error:  # vLLM's own handlers answer any exception by its kind; so does this.
            rendered = create_error_response(error)
        if isinstance(rendered, ErrorResponse):
            rendered.error.message = f"the contrast: {rendered.error.message}"
            return rendered
        if rendered[0].get("mm_kwargs"):
            raise ValueError("the contrast has to be text alone, but has images of its own")
        found.append(list(_token_ids(endpoint.serving, rendered[0], "the contrast")))
    # `vllm_xargs` is flat: several lists are one text.
    return {**extra_args, CONTRAST_IDS: found[0] if len(found) == 1 else json.dumps(found)}


def _token_ids(serving: Serving, prompt: Inputs, name: str) -> Sequence[int]:

    ids = extract_prompt_components(serving.model_config, prompt).token_ids
    if not ids:
        raise ValueError(f"{name} has to be made of tokens where a contrast is asked for, but has none")
    return ids


def _new_tokens(request: Request, serving: Serving, prompt_tokens: int) -> int | None:
    """Return how many tokens a request asks for, as vLLM limits it; `None` if the request does not say."""

    asked = getattr(request, "max_completion_tokens", None)
    asked = request.max_tokens if asked is None else asked
    if asked is None:
        return None
    return get_max_tokens(
        serving.model_config.max_model_len,
        asked,
        prompt_tokens,
        serving.default_sampling_params,
        serving.override_max_tokens,
        truncate_prompt_tokens=request.truncate_prompt_tokens,
    )


def _forget_images(serving: Serving, inputs: Inputs) -> None:
    """Take back that the engine has the images of a request which it never gets."""
    cache = serving.online_renderer.renderer.mm_processor_cache
    for one in inputs:
        for hashes in (one.get("mm_hashes") or {}).values():
            for image in hashes:
                cache.invalidate(image)


def _listed(message: Any) -> Any:  # noqa: ANN401
    """Return a message whose content is a text or a list: pydantic may leave an iterator that can be read once."""
    content = message.get("content") if isinstance(message, dict) else None
    return message if content is None or isinstance(content, str) else {**message, "content": list(content)}


def _described(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problems = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()[:3])
    return f"the contrast: {'; '.join(problems)}"
