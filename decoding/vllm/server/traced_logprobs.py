"""Say in a response of which view its log-probabilities are, and give the trace if a request asked for it.

Both stand in OpenAI's `logprobs` object, with an entry for each token in its order, streamed or not:

    "logprobs": {"content": [...], "cf_view": "main", "cf_trace": [{"main": -0.02, "contrasts": [-6.9]}, ...]}

A response to a plain request has neither.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from ..token_trace import TracedLogprob, read_traces

LEAST = -9999.0
"""What OpenAI's API has in the place of -inf."""


def say_views(state: Any) -> None:  # noqa: ANN401  (starlette's State)
    """Have the server's endpoints say of which view log-probabilities are.

    Args:
        state: The state of the server's application; holds the objects that serve the endpoints.

    Raises:
        AttributeError: If this version of vLLM makes them elsewhere.
    """
    read_traces()
    view = view_of(state.vllm_config.model_config.logprobs_mode)
    for serving, name in (
        (state.openai_serving_chat, "_create_chat_logprobs"),
        (state.openai_serving_completion, "_create_completion_logprobs"),
    ):
        if serving is not None:
            setattr(serving, name, _saying(getattr(serving, name), view))


def view_of(logprobs_mode: str) -> str:
    """Return of which view vLLM's log-probabilities are: of the main view, or contrasted."""
    return "main" if logprobs_mode.startswith("raw") else "contrasted"


def _saying(make: Callable[..., Any], view: str) -> Callable[..., Any]:
    """Return the method that takes the place of one that makes the `logprobs` object of a choice."""

    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        found = make(*args, **kwargs)
        entries = traced(kwargs["token_ids"], kwargs["top_logprobs"])
        if entries:
            found.cf_view = view
            if all(entry.contrasts for entry in entries):
                found.cf_trace = [_shown(entry) for entry in entries]
        return found

    return made


def traced(tokens: Sequence[int], logprobs: Sequence[Any]) -> list[TracedLogprob]:
    """Return what is known of each sampled token; nothing for a request without a contrast."""
    found = [entries.get(token) if entries else None for token, entries in zip(tokens, logprobs, strict=False)]
    return found if all(isinstance(entry, TracedLogprob) for entry in found) else []  # type: ignore[return-value]


def _shown(entry: TracedLogprob) -> dict[str, Any]:
    return {"main": _number(entry.logprob), "contrasts": [_number(value) for value in entry.contrasts]}


def _number(value: float) -> float:
    return LEAST if math.isnan(value) else max(value, LEAST)
