"""The names inside vLLM that pairs rely on, for each of its versions that are served, checked before the first request.

vLLM's scheduler has no public interface. This module lists once what the package overrides or calls; an engine in which
any of it has moved does not start, instead of decoding something other than was asked for.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import FunctionType
from typing import TYPE_CHECKING, Any

import vllm  # pyright: ignore[reportMissingImports]
from vllm.v1.core.sched.scheduler import Scheduler  # pyright: ignore[reportMissingImports]

if TYPE_CHECKING:
    from vllm.config import VllmConfig  # pyright: ignore[reportMissingImports]

HOOKS = {
    "schedule": (
        "_reserve_prefill_lookahead",
        "_get_local_prefix_cache_hit",
        "_handle_blocked_waiting_request",
        "_update_after_schedule",
    ),
    "update_from_output": ("_free_request", "grammar_compile_error_reqs"),
    "finish_requests": ("_free_request",),
    "_preempt_request": ("num_stale_output_tokens", "num_output_placeholders"),
}
"""Maps each scheduler method to the names it must reference. If vLLM no longer calls a method that this package
overrides, the override is dead code."""

ATTRIBUTES = (
    "grammar_compile_error_reqs",
    "kv_cache_manager",
    "max_model_len",
    "max_num_active_reqs",
    "max_num_running_reqs",
    "max_num_scheduled_tokens",
    "num_waiting_for_streaming_input",
    "policy",
    "requests",
    "running",
    "use_v2_model_runner",
    "waiting",
)
"""What this package reads from a scheduler."""

OVERRIDDEN = {
    "add_request": ("request",),
    "schedule": ("throttle_prefills",),
    "_reserve_prefill_lookahead": ("request", "num_computed_tokens", "num_new_tokens"),
    "_handle_blocked_waiting_request": ("request",),
    "_get_local_prefix_cache_hit": ("request", "max_cache_hit_length"),
    "_preempt_request": ("request", "timestamp", "drop_stale_output"),
    "reset_prefix_cache": ("reset_running_requests", "reset_connector"),
    "finish_requests": ("request_ids", "finished_status"),
    "_free_request": ("request", "delay_free_blocks"),
    "update_from_output": ("scheduler_output", "model_runner_output"),
}
"""The parameters of every scheduler method that this package overrides."""


@dataclass(frozen=True)
class Internals:
    """What this package relies on inside one minor version of vLLM.

    Args:
        errors: The type in which the scheduler keeps the requests that end with an error.
        overridden: Where the parameters of an overridden method are others than in :data:`OVERRIDDEN`.
    """

    errors: type
    overridden: dict[str, tuple[str, ...]] = field(default_factory=dict)


VERSIONS = {
    "0.33": Internals(errors=dict),
    "0.32": Internals(errors=set, overridden={"_get_local_prefix_cache_hit": ("request",)}),
}
"""The versions of vLLM that are served, newest first."""


def installed() -> str:
    """Return the minor version of the installed vLLM, like `"0.33"`."""
    return ".".join(_version().split(".")[:2])


def _version() -> str:
    # Where vLLM is not installed, pyright takes the folder of this package that is called vllm for it.
    return vllm.__version__  # pyright: ignore[reportAttributeAccessIssue]


def moved() -> list[str]:
    """Return the names in vLLM's scheduler that are not as its version has them here; a version that is not known is
    compared with the newest one that is."""
    internals = VERSIONS.get(installed(), next(iter(VERSIONS.values())))
    found = []
    for caller, called in HOOKS.items():
        method = getattr(Scheduler, caller, None)
        names = method.__code__.co_names if isinstance(method, FunctionType) else ()
        found += [f"Scheduler.{caller} -> {name}" for name in called if name not in names]
    for name, parameters in {**OVERRIDDEN, **internals.overridden}.items():
        method = getattr(Scheduler, name, None)
        has = tuple(inspect.signature(method).parameters)[1:] if isinstance(method, FunctionType) else None
        if has != parameters:
            found.append(f"Scheduler.{name}({', '.join(parameters)})")
    return found


def check_hooks() -> None:
    """Check that vLLM's scheduler calls everything that this package overrides, as it overrides it.

    Raises:
        RuntimeError: If it does not; names what is missing.
    """
    missing = moved()
    if missing:
        raise _moved(missing)


def end_with_error(scheduler: Any, request_id: str, reason: str) -> None:  # noqa: ANN401
    """Let a request end with an error in the next step, like one whose grammar does not compile."""
    failed = scheduler.grammar_compile_error_reqs
    if isinstance(failed, set):  # vLLM 0.32
        failed.add(request_id)
        return
    from vllm.outputs import RequestError  # noqa: PLC0415  # pyright: ignore

    failed[request_id] = RequestError(code="validation_error", message=f"counterfoil: {reason}")


def check_attributes(scheduler: Scheduler) -> None:
    """Check that a scheduler has everything that this package reads.

    Raises:
        RuntimeError: If it does not; names what is missing.
    """
    missing = [f"Scheduler.{name}" for name in ATTRIBUTES if not hasattr(scheduler, name)]
    if missing:
        raise _moved(missing)
    errors = VERSIONS.get(installed(), next(iter(VERSIONS.values()))).errors
    if not isinstance(scheduler.grammar_compile_error_reqs, errors):
        raise _moved([f"Scheduler.grammar_compile_error_reqs: {errors.__name__}"])


def check_configuration(config: VllmConfig, scheduler: Scheduler) -> None:
    """Reject an engine configured for something that pairs cannot be served with.

    Raises:
        ValueError: Names every such option and its remedy.
    """
    reasons = [f"{option} ({remedy})" for option, remedy in _refused(config, scheduler) if option]
    if reasons:
        raise ValueError(
            "counterfoil's pairs cannot be served with "
            + "; ".join(reasons)
            + ". Change that, or start the engine without counterfoil"
        )


def _refused(config: VllmConfig, scheduler: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    parallel, model = config.parallel_config, config.model_config
    refused = {
        ("speculative decoding", "leave out --speculative-config"): config.speculative_config is not None,
        ("pipeline parallelism", "set --pipeline-parallel-size 1"): parallel.pipeline_parallel_size > 1,
        ("decode context parallelism", "set --decode-context-parallel-size 1"): (
            parallel.decode_context_parallel_size > 1 or parallel.prefill_context_parallel_size > 1
        ),
        ("batch-sharded sampling", "leave out --enable-batch-sharded-sampling"): (
            parallel.enable_batch_sharded_sampling is True
        ),
        ("a KV or encoder connector", "leave out --kv-transfer-config and --ec-transfer-config"): (
            config.kv_transfer_config is not None or config.ec_transfer_config is not None
        ),
        ("watermarking", "leave out the watermark"): getattr(config, "watermark_config", None) is not None,
        ("a pooling, diffusion or encoder-decoder model", "use a decoder that samples"): (
            model.runner_type == "pooling" or model.is_diffusion or model.is_encoder_decoder
        ),
        ("a model with recurrent layers", "use one with attention alone"): scheduler.has_mamba_layers,
        ("prompts that are never split", "leave out --no-enable-chunked-prefill"): (
            not config.scheduler_config.enable_chunked_prefill
        ),
        # Otherwise a step may have no room for one token of every running request.
        ("fewer tokens a step than sequences", "raise --max-num-batched-tokens to --max-num-seqs"): (
            scheduler.max_num_scheduled_tokens < scheduler.max_num_running_reqs
        ),
    }
    return [named for named, holds in refused.items() if holds]


def _moved(names: list[str]) -> RuntimeError:
    return RuntimeError(
        f"vLLM {_version()} is not built as counterfoil expects it ({', '.join(names)} not found): install vllm "
        f"{' or '.join(VERSIONS)}, or start the engine without counterfoil"
    )
