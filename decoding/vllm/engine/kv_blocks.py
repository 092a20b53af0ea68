"""Blocks of the KV cache: what a pair needs, and setting it aside before either half takes its step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vllm.utils.math_utils import cdiv  # pyright: ignore[reportMissingImports]
from vllm.v1.request import RequestStatus  # pyright: ignore[reportMissingImports]

if TYPE_CHECKING:
    from vllm.v1.core.kv_cache_manager import KVCacheManager  # pyright: ignore[reportMissingImports]
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

    from .scheduler import PairScheduling


def blocks_for(cache: KVCacheManager, tokens: int) -> int:
    """The most blocks that a sequence of so many tokens holds at a time."""
    blocks = 0
    for group in cache.coordinator.single_type_managers:
        needed = cdiv(tokens, group.block_size)
        # Layers that attend to a window give blocks back on the way.
        cap = group.max_admission_blocks_per_request
        blocks += needed if cap is None else min(needed, cap)
    return blocks


def blocks_for_next(cache: KVCacheManager, request: Request) -> int:
    """The blocks that a request lacks for one token more."""
    managers = cache.coordinator.single_type_managers
    return sum(request.num_computed_tokens % group.block_size == 0 for group in managers)


def free_blocks(cache: KVCacheManager) -> int:
    """Blocks that can be handed out now; what a cached prefix holds without a reader counts."""
    return cache.block_pool.get_num_free_blocks()


def room_for_output(cache: KVCacheManager, prompts: Sequence[int], most: int) -> int:
    """How many tokens, at most `most`, both halves can produce if they have the whole cache.

    Args:
        cache: The cache.
        prompts: The lengths of the two prompts.
        most: The largest answer.
    """
    # One block stands for "nothing" and is never handed out.
    total = cache.block_pool.num_gpu_blocks - 1
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(blocks_for(cache, prompt + middle) for prompt in prompts) <= total
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def reserve(scheduler: PairScheduling, ready: Sequence[tuple[Request, Request]]) -> list[tuple[Request, Request]]:
    """The pairs whose next step both halves have blocks for, made free by preempting others where they are short.

    vLLM allocates request by request and preempts when it is short: it could schedule one half and find nothing left
    for the other. After this, it cannot: the pairs returned are served first and need no more than is free.

    Args:
        scheduler: Its `running` and `waiting` change where something is preempted: the youngest of the least urgent
            requests, a pair as a whole, a pair that is kept never.
        ready: Pairs that may sample, in the order in which they are served.
    """
    kept: list[tuple[Request, Request]] = []
    needed = 0
    for pair in ready:
        blocks = sum(blocks_for_next(scheduler.kv_cache_manager, member) for member in pair)
        while _running(pair) and needed + blocks > free_blocks(scheduler.kv_cache_manager):
            _preempt(scheduler, _victims(scheduler, kept, pair))
        if _running(pair):
            kept.append(pair)
            needed += blocks
    return kept


def _running(pair: tuple[Request, Request]) -> bool:
    return all(member.status == RequestStatus.RUNNING for member in pair)


def _victims(
    scheduler: PairScheduling, kept: Sequence[tuple[Request, Request]], pair: tuple[Request, Request]
) -> list[Request]:
    spared = {member.request_id for members in (*kept, pair) for member in members}
    others = [request for request in scheduler.running if request.request_id not in spared]
    if not others:
        return list(pair)
    victim = max(others, key=lambda request: (request.priority, request.arrival_time))
    mate = scheduler.requests.get(scheduler.pairs.other(victim.request_id) or "")
    return [victim] if mate is None or mate.status != RequestStatus.RUNNING else [victim, mate]


def _preempt(scheduler: PairScheduling, victims: list[Request]) -> None:
    # Each goes to the head of the queue, and the main request has to come to stand before its twin.
    for victim in sorted(victims, key=lambda request: not scheduler.pairs.is_twin(request.request_id)):
        preempt(scheduler, victim)


def preempt(scheduler: PairScheduling, victim: Request) -> None:
    """Send a running request back to the queue; it reads its tokens once more later."""
    scheduler.running.remove(victim)
    scheduler._preempt_request(victim, time.monotonic())
