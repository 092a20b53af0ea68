# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Requests of OpenAI's API made into token ids by the server that would serve them: its template, tools and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


@dataclass(frozen=True)
class Rendered:
    """What the engine would be given.

    Args:
        token_ids: The prompt.
        max_tokens: How many tokens may follow; the server fills it in where the request does not say.
        prompt_logprobs: As asked for, or as implied by `echo` with `logprobs`.
    """

    token_ids: list[int]
    max_tokens: int
    prompt_logprobs: int | None


class AnsweredError(Exception):
    """The server refuses a request; `response` is its answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def rendered(request: Mapping[str, Any], raw: Request, what: str, *, chat: bool) -> list[Rendered]:
    """The engine's requests that one of the API's stands for: one, or one for each of several prompts.

    Args:
        request: Its body.
        raw: The connection; holds the server's state.
        what: What `request` is, for messages.
        chat: Whether it is of the chat endpoint.

    Raises:
        AnsweredError: The server would not serve it.
    """
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest  # noqa: PLC0415
    from vllm.entrypoints.openai.completion.protocol import CompletionRequest  # noqa: PLC0415
    from vllm.entrypoints.serve.engine.protocol import ErrorResponse  # noqa: PLC0415
    from vllm.entrypoints.serve.exception_handling.error_response import create_error_response  # noqa: PLC0415

    renderer = raw.app.state.serving_render
    try:
        if chat:
            made: Any = await renderer.render_chat_request(ChatCompletionRequest.model_validate(request), raw)
        else:
            made = await renderer.render_completion_request(CompletionRequest.model_validate(request), raw)
    except ValidationError as error:
        made = create_error_response(_described(error))
    except Exception as error:  # vLLM's own handlers answer any exception by its kind; so does this.
        made = create_error_response(error)
    if isinstance(made, ErrorResponse):
        made.error.message = f"the {what}: {made.error.message}"
        raise AnsweredError(JSONResponse(made.model_dump(), made.error.code))
    return [
        Rendered(one.token_ids, one.sampling_params.max_tokens, one.sampling_params.prompt_logprobs)
        for one in (made if isinstance(made, list) else [made])
    ]


def _described(error: ValidationError) -> str:
    problems = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()[:3])
    return "; ".join(problems)
