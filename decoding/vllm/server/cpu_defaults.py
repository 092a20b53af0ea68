# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Choose options of `vllm serve` that fit a machine without a GPU, where the user has not chosen.

On a CPU, vLLM asks for a share of all memory (0.92 of it) and ends if that much is not free, which on a machine in use
it rarely is. It runs models in bfloat16, in which the smallest ones answer differently, and compiles them first, which
takes minutes for a model that answers in seconds.
"""

from __future__ import annotations

import os
from argparse import Namespace

from vllm.engine.arg_utils import EngineArgs
from vllm.platforms import current_platform
from vllm.utils.cpu_resource_utils import get_allowed_cpu_list, get_memory_node_info

GIB = 1 << 30
SMALL_CACHE = 2 * GIB
"""KV cache of the default model, in bytes; room for 46,000 tokens of SmolLM2-135M in float32."""

SHARE = 0.8
"""The share of free memory that another model may use, weights included; vLLM's own processes need some too."""


def choose_for_cpu(arguments: Namespace, *, default_model: bool) -> str | None:
    """Choose memory for a machine without a GPU, and how the default model is run there.

    Args:
        arguments: Of `vllm serve`; changed in place. What the user has set stays.
        default_model: Whether the model is this package's small default.

    Returns:
        What was chosen and why, to be shown to the user; `None` if nothing was.
    """
    if not current_platform.is_cpu():
        return None
    chosen = []
    if default_model and arguments.dtype == "auto":
        arguments.dtype = "float32"
        chosen.append("--dtype float32")
    if default_model and not arguments.enforce_eager:
        arguments.enforce_eager = True
        chosen.append("--enforce-eager")
    total, free = _memory()
    if not _memory_given(arguments):
        processes = arguments.tensor_parallel_size * arguments.data_parallel_size
        share = int(SHARE * free / total / processes * 100) / 100
        if default_model:
            arguments.kv_cache_memory_bytes = min(SMALL_CACHE, free // (4 * processes))
            chosen.append(f"--kv-cache-memory-bytes {arguments.kv_cache_memory_bytes}")
        elif share < arguments.gpu_memory_utilization:
            arguments.gpu_memory_utilization = share
            chosen.append(f"--gpu-memory-utilization {share} (on a CPU, the share of all memory)")
    if not chosen:
        return None
    return (
        f"no GPU, and {free / GIB:.1f} of {total / GIB:.1f} GiB of memory are free: starting with {' '.join(chosen)}; "
        "give the options yourself to choose otherwise"
    )


def _memory_given(arguments: Namespace) -> bool:
    return (
        arguments.kv_cache_memory_bytes is not None
        or bool(os.environ.get("VLLM_CPU_KVCACHE_SPACE"))
        or arguments.gpu_memory_utilization != EngineArgs.gpu_memory_utilization
    )


def _memory() -> tuple[int, int]:
    """Return the bytes of memory that this machine or container has, and how many are free, as vLLM counts them."""
    node = get_memory_node_info(max(get_allowed_cpu_list()[0].numa_node, 0))
    return node.total_memory, node.available_memory
