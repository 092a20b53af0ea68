# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""What contrastive search cannot be served with, each by name; written against vLLM 0.32.

An engine that would decode something else than was asked for does not start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine_limits import SearchLimits

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.attention.backend import CommonAttentionMetadata
    from vllm.v1.kv_cache_interface import KVCacheConfig

UNREAD = (
    "encoder_seq_lens",
    "dcp_local_seq_lens",
    "mm_req_doc_ranges",
    "rswa_prefix_lens",
    "replayssm_decode_base_cpu",
)
"""Fields of a step's metadata that a row of a candidate would need as well, and has not."""


def check_configuration(config: VllmConfig) -> None:
    """Reject an engine configured for something that contrastive search cannot be served with.

    Raises:
        ValueError: Names every such option and its remedy.
    """
    reasons = [f"{option} ({remedy})" for (option, remedy), holds in _refused(config).items() if holds]
    if reasons:
        raise _refusal(reasons)


def _refused(config: VllmConfig) -> dict[tuple[str, str], bool]:
    parallel, model, cache = config.parallel_config, config.model_config, config.cache_config
    search = SearchLimits.of(config)
    assert search is not None
    contexts = parallel.decode_context_parallel_size, parallel.prefill_context_parallel_size
    scheduler = config.scheduler_config
    rows = min(scheduler.max_num_batched_tokens, model.get_vocab_size())
    return {
        # The adapter of each row is set before the candidates' rows are put in front.
        ("LoRA adapters", "leave out --enable-lora"): config.lora_config is not None,
        ("speculative decoding", "leave out --speculative-config"): config.speculative_config is not None,
        ("pipeline parallelism", "set --pipeline-parallel-size 1"): parallel.pipeline_parallel_size > 1,
        ("context parallelism", "set the context parallel sizes to 1"): max(contexts) > 1,
        ("batches run in two halves", "leave out --enable-dbo"): parallel.use_ubatching,
        # Its engines agree on the number of tokens before the model is called.
        ("data parallelism of a mixture of experts", "set --data-parallel-size 1"): (
            parallel.data_parallel_size > 1 and model.is_moe
        ),
        ("a KV or encoder connector", "leave out --kv-transfer-config and --ec-transfer-config"): (
            config.kv_transfer_config is not None or config.ec_transfer_config is not None
        ),
        ("KV cache offloading", "leave out --kv-offloading-size"): cache.kv_offloading_size is not None,
        ("layers that share a KV cache", "leave out --kv-sharing-fast-prefill"): cache.kv_sharing_fast_prefill,
        ("prompts of embeddings", "leave out --enable-prompt-embeds"): model.enable_prompt_embeds,
        ("watermarking", "leave out the watermark"): getattr(config, "watermark_config", None) is not None,
        ("multi-head latent attention", "take a model without"): model.use_mla,
        ("recurrent layers", "take a model with attention alone"): model.is_hybrid or model.is_attention_free,
        (f"more than {rows} candidates", "choose a smaller --largest-top-k, or more --max-num-batched-tokens"): (
            search.largest_top_k > rows
        ),
    }


def check_cache(cache: KVCacheConfig) -> None:
    """Reject a KV cache in which the hidden history would not keep step with the layers of attention.

    Raises:
        ValueError: There are several groups of layers, or layers with a window.
    """
    specs: list[Any] = []
    for group in cache.kv_cache_groups:
        of_layers = getattr(group.kv_cache_spec, "kv_cache_specs", None)
        specs += of_layers.values() if of_layers else [group.kv_cache_spec]
    reasons = []
    if any(getattr(spec, name, None) for spec in specs for name in ("sliding_window", "attention_chunk_size")):
        reasons.append("layers whose attention has a window (take a model in which every layer reads all tokens)")
    elif len(cache.kv_cache_groups) != 1:
        reasons.append(f"{len(cache.kv_cache_groups)} KV cache groups (take a model whose layers are of one kind)")
    if reasons:
        raise _refusal(reasons)


def check_step(common: CommonAttentionMetadata) -> None:
    """Reject a step whose rows have properties that the candidates' rows would lack.

    Raises:
        RuntimeError: Names them.
    """
    found = [name for name in UNREAD if getattr(common, name, None) is not None]
    if found or common.causal is not True:
        raise RuntimeError(
            f"this model's attention has properties that contrastive search does not follow ({', '.join(found)}): "
            "start the engine without it"
        )


def _refusal(reasons: list[str]) -> ValueError:
    return ValueError(
        "contrastive search cannot be served with "
        + "; ".join(reasons)
        + ". Change that, or start the engine without contrastive search"
    )
