"""Decide what the requests of a pair may do in the next step. Functions here read values and return values.

A pair is a main request, which a client sent, and its contrast request, or several. One rule makes them a pair:

    A request of a pair may fill its KV cache up to its last known token, but a step that *samples* is taken by all
    requests of the pair or by none.

The rule covers everything that makes prompts advance unevenly (chunked prompts, cached prefixes, preemption, few
slots), because it looks only at how many tokens a request still has to read. It holds for a main request with several
contrasts too: a pair is here a sequence of two to eight requests with the main request first.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from typing import TYPE_CHECKING

from vllm.v1.request import RequestStatus  # pyright: ignore[reportMissingImports]

if TYPE_CHECKING:
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

    Pair = tuple[Request, ...]
    """The main request, then its contrast requests."""


def tokens_left(request: Request) -> int:
    """Return how many known tokens are not in the KV cache yet; the step that reads the last of them samples.

    Tokens that are still being sampled count as known.
    """
    return request.num_tokens + request.num_output_placeholders - request.num_computed_tokens


def output_position(request: Request) -> int:
    """Return how many tokens a request has produced, including those still in flight."""
    return request.num_output_tokens + request.num_output_placeholders


def tokens_without_sampling(request: Request, computed: int, tokens: int) -> int:
    """Return how many tokens of a chunk a request may read without sampling, at least 0.

    Args:
        request: Any request of a pair.
        computed: How many of its tokens are in the KV cache before the chunk.
        tokens: How many tokens the scheduler would give it.
    """
    last = request.num_tokens + request.num_output_placeholders - 1
    return min(tokens, max(last - computed, 0))


def may_sample(pair: Pair, *, prefills_wait: bool = False) -> bool:
    """Return whether all requests of a pair can take the same sampling step now.

    Args:
        pair: The pair.
        prefills_wait: Whether the scheduler postpones prompts in this step.
    """
    main = pair[0]
    if any(request.status != RequestStatus.RUNNING or tokens_left(request) != 1 for request in pair):
        return False
    if any(output_position(request) != output_position(main) for request in pair):
        return False
    if output_position(main) >= main.max_tokens:
        return False
    return not (prefills_wait and any(request.is_prefill_chunk for request in pair))


def all_run(pair: Pair) -> bool:
    """Return whether all requests of a pair are running."""
    return all(map(_runs, pair))


def _runs(request: Request) -> bool:
    return request.status == RequestStatus.RUNNING


def may_enter(taken: int, slots: int, needed: int, free: int, *, size: int = 2) -> bool:
    """Return whether the first request of a pair may leave the waiting queue: there must be room for the whole pair.

    A waiting request holds nothing. A running one holds a slot and KV blocks but makes no progress without the rest of
    its pair.

    Args:
        taken: Slots in use.
        slots: All slots.
        needed: KV blocks that the tokens known so far need, over all requests of the pair.
        free: Free KV blocks.
        size: How many requests the pair has.
    """
    # In an empty engine there is nothing to wait for: a pair that can never fit was refused on arrival.
    return taken + size <= slots and (needed <= free or not taken)


def requests_to_pull(pairs: Iterable[Pair], next_in_queue: Request | None) -> list[Request]:
    """Return the waiting requests of pairs that run in part, to be put at the head of the queue.

    Args:
        pairs: All pairs.
        next_in_queue: The request at the head of the queue now; if it is one of them, nothing must move.
    """
    pulled = [
        request
        for pair in pairs
        if any(request.status == RequestStatus.RUNNING for request in pair)
        for request in pair
        if request.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED)
    ]
    return [] if next_in_queue in pulled else pulled


def stuck_requests(pairs: Iterable[Pair]) -> list[Request]:
    """Return the requests to preempt if a step scheduled nothing and nothing is in flight.

    Every running request then waits for the rest of its pair, which waits for the memory or the slots that the running
    ones hold. The youngest pair of the least urgent gives way, with all that it holds: a request of it that stayed
    would be joined by the others as soon as these are preempted, and nothing would be won.

    Returns:
        In the order in which they must be preempted, see :func:`victims`. Empty if no pair runs in part.
    """
    stuck = [pair for pair in pairs if 0 < sum(map(_runs, pair)) < len(pair)]
    if not stuck:
        return []
    victim = max(stuck, key=lambda pair: (pair[0].priority, pair[0].arrival_time))
    return [request for request in reversed(victim) if _runs(request)]


def victims(running: Sequence[Request], pairs: Iterable[Pair], spared: Collection[str]) -> list[Request]:
    """Return the requests to preempt for want of memory: the youngest of the least urgent, with the rest of its pair.

    Args:
        running: All running requests.
        pairs: All pairs.
        spared: Ids of requests that must go on.

    Returns:
        In the order in which they must be preempted: each goes to the head of the queue, where a main request must
        come to stand before its contrast requests. Empty if every running request is spared.
    """
    others = [request for request in running if request.request_id not in spared]
    if not others:
        return []
    victim = max(others, key=lambda request: (request.priority, request.arrival_time))
    pair = next((pair for pair in pairs if victim in pair), (victim,))
    return [request for request in reversed(pair) if _runs(request)]


def sampling_alone(pairs: Iterable[Pair], scheduled: Container[str]) -> list[Request]:
    """Return the requests that are about to sample without the rest of their pair: none, or the scheduler is wrong.

    Args:
        pairs: All pairs.
        scheduled: Ids of the requests in this step.
    """
    alone: list[Request] = []
    for pair in pairs:
        sampling = [request for request in pair if request.request_id in scheduled and not request.is_prefill_chunk]
        together = len(sampling) == len(pair) and len({output_position(request) for request in pair}) == 1
        alone += [] if together else sampling
    return alone
