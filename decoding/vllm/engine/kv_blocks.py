"""Count KV cache blocks: how many a request needs, how many are free, and how long an answer fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vllm.utils.math_utils import cdiv  # pyright: ignore[reportMissingImports]

if TYPE_CHECKING:
    from vllm.v1.core.kv_cache_manager import KVCacheManager  # pyright: ignore[reportMissingImports]
    from vllm.v1.kv_cache_interface import KVCacheConfig  # pyright: ignore[reportMissingImports]
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]


def blocks_for(cache: KVCacheManager, tokens: int) -> int:
    """Return the most blocks that a sequence of `tokens` tokens holds at a time."""
    blocks = 0
    for group in cache.coordinator.single_type_managers:
        needed = cdiv(tokens, group.block_size)
        # Layers with a sliding window give blocks back on the way.
        cap = group.max_admission_blocks_per_request
        blocks += needed if cap is None else min(needed, cap)
    return blocks


def blocks_for_next(cache: KVCacheManager, request: Request) -> int:
    """Return how many new blocks a request needs for one more token."""
    managers = cache.coordinator.single_type_managers
    return sum(request.num_computed_tokens % group.block_size == 0 for group in managers)


def free_blocks(cache: KVCacheManager) -> int:
    """Return the number of free blocks, including cached-prefix blocks that no running request uses."""
    return cache.block_pool.get_num_free_blocks()


def room_for_output(cache: KVCacheManager, prompts: Sequence[int], most: int) -> int:
    """Return how many tokens, at most `most`, all requests of a pair can produce if they have the whole cache.

    Args:
        cache: The cache.
        prompts: The length of each request's prompt, in tokens.
        most: The longest answer, in tokens.
    """
    # vLLM keeps one block as a placeholder and never hands it out.
    total = cache.block_pool.num_gpu_blocks - 1
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(blocks_for(cache, prompt + middle) for prompt in prompts) <= total
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def without_last_blocks(cache: KVCacheConfig, taken: int, longest: int) -> KVCacheConfig:
    """Return the cache as a scheduler must see it that never gives its last `taken` blocks away.

    Args:
        cache: The cache of the workers.
        taken: How many blocks are set aside.
        longest: The longest sequence, in tokens.

    Raises:
        ValueError: If the rest does not hold one such sequence.
    """
    needed = cdiv(longest, cache.kv_cache_groups[0].kv_cache_spec.block_size) + 1
    if cache.num_blocks - taken < needed:
        raise ValueError(
            f"the KV cache has to hold a sequence of {longest} tokens ({needed} blocks) beside the {taken} scratch "
            f"blocks of contrastive search, but has {cache.num_blocks} blocks: give the engine more memory, or fewer "
            "--search-requests or a smaller --largest-top-k"
        )
    return replace(cache, num_blocks=cache.num_blocks - taken)
