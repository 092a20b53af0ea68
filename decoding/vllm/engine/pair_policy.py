"""The one rule that makes two requests a pair.

    A member may fill its cache up to its last known token, but a step that *samples* is taken by both or by none.

Everything that makes prompts advance unevenly (prompts cut into chunks, cached prefixes, preemption and resumption, few
slots) is covered by it, because it looks at nothing but how many tokens a request still has to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.v1.request import RequestStatus  # pyright: ignore[reportMissingImports]

if TYPE_CHECKING:
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]


def tokens_left(request: Request) -> int:
    """How many known tokens the cache lacks; the step that reads the last one samples. Counts tokens that are still
    being sampled as known."""
    return request.num_tokens + request.num_output_placeholders - request.num_computed_tokens


def output_position(request: Request) -> int:
    """How many tokens it has produced, with those still in flight."""
    return request.num_output_tokens + request.num_output_placeholders


def fill_only(request: Request, computed: int, tokens: int) -> int:
    """What is left of a chunk of `tokens` after `computed` ones, at least 0, if it must not sample."""
    last = request.num_tokens + request.num_output_placeholders - 1
    return min(tokens, max(last - computed, 0))


def may_sample(main: Request, twin: Request, *, prefills_wait: bool = False) -> bool:
    """Whether both can take the same sampling step now.

    Args:
        main: One half.
        twin: The other.
        prefills_wait: The scheduler puts off prompts in this step.
    """
    members = (main, twin)
    if any(member.status != RequestStatus.RUNNING or tokens_left(member) != 1 for member in members):
        return False
    if output_position(main) != output_position(twin) or output_position(main) >= main.max_tokens:
        return False
    return not (prefills_wait and any(member.is_prefill_chunk for member in members))
