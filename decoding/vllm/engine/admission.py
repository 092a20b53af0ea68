"""Who of a pair is let in from the queue, and when.

A half that waits holds nothing, a half that runs holds a slot and blocks without getting anywhere alone. So the main
request goes first, and only if its twin can follow; and whoever's other half already runs is next in line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.v1.core.sched.request_queue import SchedulingPolicy  # pyright: ignore[reportMissingImports]
from vllm.v1.request import RequestStatus  # pyright: ignore[reportMissingImports]

from .kv_blocks import blocks_for, free_blocks, preempt

if TYPE_CHECKING:
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

    from .scheduler import PairScheduling


def may_enter(scheduler: PairScheduling, request: Request, other: Request) -> bool:
    """Whether a waiting half may start now: its other half runs, or there is a slot and memory for both."""
    if other.status == RequestStatus.RUNNING:
        return True
    taken = len(scheduler.running) + scheduler.num_waiting_for_streaming_input
    if taken + 2 > scheduler.max_num_active_reqs:
        return False
    cache = scheduler.kv_cache_manager
    # In an empty engine there is nothing to wait for, and both fit: what does not was refused on arrival.
    both = blocks_for(cache, request.num_tokens) + blocks_for(cache, other.num_tokens)
    return not scheduler.running or both <= free_blocks(cache)


def may_be_considered(scheduler: PairScheduling, request: Request, other: Request) -> bool:
    """Whether a waiting half is to be looked at before those behind it, rather than passed over in this step.

    A twin waits for its main request, which may itself be waiting for a grammar or a free adapter; nobody else has to.
    """
    return not scheduler.pairs.is_twin(request.request_id) or other.status == RequestStatus.RUNNING


def pull_forward(scheduler: PairScheduling) -> None:
    """Put those whose other half already runs at the head of the queue. A queue by priority has its own order."""
    if scheduler.policy != SchedulingPolicy.FCFS:
        return
    halves = [
        waiting
        for pair in scheduler.living_pairs()
        for waiting, running in (pair, pair[::-1])
        if running.status == RequestStatus.RUNNING
        and waiting.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED)
    ]
    if not halves or (scheduler.waiting and scheduler.waiting.peek_request() in halves):
        return
    for half in halves:
        scheduler.waiting.remove_requests([half])
        scheduler.waiting.prepend_request(half)


def free_a_half(scheduler: PairScheduling) -> None:
    """Preempt the youngest request that runs without its other half.

    For a step in which nothing could be scheduled and nothing is in flight: every running request waits for an other
    half that in turn waits for the memory or the slot which those hold.
    """
    stuck = [
        running
        for pair in scheduler.living_pairs()
        for running, waiting in (pair, pair[::-1])
        if running.status == RequestStatus.RUNNING and waiting.status != RequestStatus.RUNNING
    ]
    if stuck:
        preempt(scheduler, max(stuck, key=lambda request: request.arrival_time))
