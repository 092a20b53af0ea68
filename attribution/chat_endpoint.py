"""Conversations with an OpenAI-compatible endpoint, many at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

try:
    import openai
except ImportError as error:
    raise ImportError('a judge behind an endpoint needs openai: pip install "counterfoil[judge]"') from error

from .entailment.llm import SCHEMA, Message, Reply


class Endpoint:
    """Asks `model` at `base_url`; what fails after all retries is told in the reply.

    Args:
        model: Name of the model at the endpoint.
        base_url: The endpoint, with its `/v1`.
        api_key: Its key; `None` for `OPENAI_API_KEY` of the environment, which servers without keys do not look at.
        concurrency: How many requests run at once.
        timeout: Seconds after which a request is given up.
        retries: How often a request is repeated after a time-out, a lost connection, a 429 or a 5xx, with growing
            pauses, or those that the endpoint asks for.
        max_tokens: The most tokens a reply may have.
        structured: Whether the endpoint is told to write the verdict's JSON schema, which it may not know how to.

    Raises:
        ValueError: For a concurrency below 1, a time-out that is not above 0, or a negative number of retries.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key: str | None = None,
        concurrency: int = 16,
        timeout: float = 60.0,
        retries: int = 4,
        max_tokens: int = 256,
        structured: bool = True,
    ) -> None:
        for name, value, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if value < least:
                raise ValueError(f"`{name}` has to be at least {least}, but is {value}")
        if not timeout > 0:
            raise ValueError(f"`timeout` has to be above 0, but is {timeout}")
        self.model = model
        self.concurrency = concurrency
        self._request: dict[str, Any] = {"max_tokens": max_tokens, "temperature": 0.0}
        if structured:
            schema = {"name": "verdict", "strict": True, "schema": SCHEMA}
            self._request["response_format"] = {"type": "json_schema", "json_schema": schema}
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or os.environ.get("OPENAI_API_KEY") or "none",
            timeout=timeout,
            max_retries=retries,
        )

    def replies(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """One reply a conversation, in order."""
        pool = ThreadPoolExecutor(self.concurrency)
        try:
            return list(pool.map(self._reply, conversations))
        finally:
            # An interrupted run does not wait for the requests that have not begun.
            pool.shutdown(wait=True, cancel_futures=True)

    def _reply(self, messages: Sequence[Message]) -> Reply:
        sent: Any = list(messages)
        try:
            answer = self._client.chat.completions.create(model=self.model, messages=sent, **self._request)
        except openai.APITimeoutError:
            return Reply(None, failure=f"the judge did not answer within {self._client.timeout:g} seconds")
        except openai.APIConnectionError as error:
            return Reply(None, failure=f"the judge cannot be reached: {error.__cause__ or error}")
        except openai.APIStatusError as error:
            return Reply(None, failure=f"the judge answered with HTTP status {error.status_code}: {error.message}")
        except (openai.OpenAIError, ValueError) as error:
            return Reply(None, failure=f"the judge's answer cannot be read: {error}")
        return _read(answer)


def _read(answer: Any) -> Reply:  # noqa: ANN401 (whatever an endpoint sends, which need not be what the client's types say)
    usage = getattr(answer, "usage", None)
    read, wrote = (int(getattr(usage, name, None) or 0) for name in ("prompt_tokens", "completion_tokens"))
    choices = getattr(answer, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    refusal, text = getattr(message, "refusal", None), getattr(message, "content", None)
    if refusal:
        return Reply(None, read, wrote, failure=f"the judge refused: {refusal}")
    if not isinstance(text, str):
        return Reply(None, read, wrote, failure="the judge returned nothing")
    return Reply(text, read, wrote)
