"""The requests that `cf_cite: "verify"` makes of one: the answer continued, and decoded against a stronger contrast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from counterfoil.decoding.methods import CAD, METHODS
from counterfoil.decoding.vllm.contrast_params import METHOD, PREFIX
from counterfoil.decoding.vllm.contrast_prompts import MESSAGES_KEY
from counterfoil.decoding.vllm.server.guidance_fields import SCALE, asked_guidance

from .keys import PLACE

FACTOR = 2.0
"""A sentence that nothing supports is decoded again with this many times the strength."""

UNCONTRASTED = 1.0
"""The strength of CAD with which it is decoded again if the request has no contrast."""

WEIGHTS = ("strength", "guidance_scale")
"""What methods call the weight of their contrast."""

REFUSED = ("logprobs", "top_logprobs", "prompt_logprobs", "echo", "tools", "functions", "response_format",
           "structured_outputs", "use_beam_search", "continue_final_message")  # fmt: skip
"""Fields of a request that an answer which is put together from several cannot have."""


def check_verifiable(request: Mapping[str, Any]) -> None:
    """Reject a request whose answer cannot be decoded sentence by sentence.

    Raises:
        ValueError: Names the field and its value.
    """
    for name in REFUSED:
        if request.get(name):
            raise ValueError(f"`{name}` has to be left out where sentences are decoded again, but is given")
    for name in ("n", "best_of"):
        if (request.get(name) or 1) != 1:
            raise ValueError(f"`{name}` has to be 1 where sentences are decoded again, but is {request[name]}")
    stronger(request)


def stronger(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request that weighs its contrast more; without a contrast, it gets CAD's.

    Raises:
        ValueError: Its method has no weight.
    """
    keys = request[PLACE]
    if METHOD not in keys:
        if not asked_guidance(request):
            return {**request, PLACE: {**keys, METHOD: CAD.name, f"{PREFIX}strength": UNCONTRASTED}}
        scale = request.get(SCALE)
        default = METHODS["cfg"]().settings["guidance_scale"]
        return {**request, SCALE: _more(default if scale is None else scale)}
    method = METHODS.get(keys[METHOD]) if isinstance(keys[METHOD], str) else None
    if method is None:
        return dict(request)  # the server says so itself
    weight = next((p for p in method.parameters() if p.name in WEIGHTS), None)
    if weight is None:
        raise ValueError(
            f"`{METHOD}` has to be a method whose contrast has a weight where sentences are decoded again, but is "
            f"{method.name!r}"
        )
    key = PREFIX + weight.name
    return {**request, PLACE: {**keys, key: _more(keys.get(key, weight.default))}}


def continued(request: Mapping[str, Any], answer: str, max_tokens: int | None) -> dict[str, Any]:
    """Return a request, of which the server is to stream the rest of an answer.

    Args:
        request: The request with its documents.
        answer: What there is of the answer.
        max_tokens: The most tokens that the rest may have; `None` for no limit.
    """
    limits = {} if max_tokens is None else {"max_tokens": max_tokens}
    others = {name: value for name, value in request.items() if name not in ("max_tokens", "max_completion_tokens")}
    asked = {**others, **limits, "stream": True, "stream_options": {"include_usage": True}, "return_token_ids": True}
    if not answer.strip():
        return asked
    begun = [{"role": "assistant", "content": answer.rstrip()}]
    keys = dict(request[PLACE])
    if MESSAGES_KEY in keys:
        keys[MESSAGES_KEY] = json.dumps(json.loads(keys[MESSAGES_KEY]) + begun)
    messages = [*request["messages"], *begun]
    return {**asked, PLACE: keys, "messages": messages, "continue_final_message": True, "add_generation_prompt": False}


def _more(weight: Any) -> Any:  # noqa: ANN401  (what is no number, the server refuses)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        return weight
    return weight * FACTOR or UNCONTRASTED
