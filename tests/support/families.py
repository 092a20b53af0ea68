"""Tiny random models of every decoder-only family that transformers has, and what decoding with them has to give."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.support.tiny_models import VOCABULARY

WINDOW = 16
"""Windows, chunks and sparse selections are this long, so that short prompts are on either side of it."""

_SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256,
    "sliding_window": WINDOW, "attention_chunk_size": WINDOW, "index_topk": WINDOW, "attention_window_size": WINDOW,
    "index_n_heads": 2, "index_head_dim": 8,
    "num_experts": 4, "n_routed_experts": 4, "num_local_experts": 4, "moe_num_experts": 4, "num_experts_per_tok": 2,
    "moe_topk": 2, "moe_k": 2, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16,
    "shared_intermediate_size": 32, "moe_shared_expert_intermediate_size": 16, "expert_ffn_hidden_size": 16,
    "n_shared_experts": 1, "num_shared_experts": 1, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "mamba_d_state": 8, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_heads": 4, "mamba_d_head": 16,
    "mamba_n_groups": 1, "mamba_chunk_size": 8, "mamba_num_heads": 4, "mamba_head_dim": 16, "mamba_dt_rank": 4,
    "mamba_headdim": 16, "mamba_ngroups": 1, "ssm_state_size": 8, "state_size": 8, "conv_kernel": 4, "chunk_size": 8,
    "n_groups": 1, "num_heads": 8, "conv_L_cache": 3, "block_dim": 32, "block_ff_dim": 64, "conv_dim": 32,
    "conv_dim_out": 32, "lru_width": 32, "attention_head_size": 8, "attention_hidden_size": 32,
    "n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 256, "n_ctx": 256, "n_inner": 64, "rotary_dim": 4,
    "ffn_dim": 64, "word_embed_proj_dim": 32, "d_model": 32, "n_layers": 4, "n_heads": 4, "max_seq_len": 256,
    "ffn_hidden_size": 64, "num_layers": 4, "kv_channels": 8, "max_sequence_length": 256, "intermediate_size_mlp": 64,
    "vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 2,
    "query_pre_attn_scalar": 8, "laurel_rank": 4, "altup_num_inputs": 2, "adapter_rank": 4, "num_mem_blocks": 1,
    "use_mem_rope": False, "attention_hidden_dim": 32, "global_head_dim": 8, "num_logits_to_keep": 1,
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_encoder_layers", "num_decoder_layers"), 4),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("num_encoder_attention_heads", "num_decoder_attention_heads"), 4),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 64),
    "max_target_positions": 256, "default_language": "en_XX",
    "use_kernels": False, "use_mamba_kernels": False, "is_decoder": True,
}  # fmt: skip
_TOKENS = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_SLIDING = {"layer_types": ["sliding_attention", "full_attention"] * 2}
_LINEAR = {"layer_types": ["linear_attention", "full_attention"] * 2}
_MROPE = {
    "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0, "mrope_section": [2, 1, 1],
    "mrope_interleaved": True,
}  # fmt: skip
_LATENT = {"head_dim": 4, "num_key_value_heads": 4}
SPECIAL: dict[str, dict[str, Any]] = {
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "num_layers": 4, "window_size": WINDOW},
    **dict.fromkeys(("gemma3_text", "gpt_oss", "cohere2"), _SLIDING),
    **{family: {**_SLIDING, "head_dim": None} for family in ("gemma4_text", "gemma4_unified_text")},
    "gemma3n_text": {**_SLIDING, "intermediate_size": [64] * 4, "activation_sparsity_pattern": [0.0] * 4},
    **dict.fromkeys(("qwen3_next", "olmo_hybrid"), _LINEAR),
    **{family: {**_LINEAR, "rope_parameters": _MROPE} for family in ("qwen3_5_text", "qwen3_5_moe_text")},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2, "num_dense_layers": 1},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "bamba": {"attn_layer_indices": [1, 3]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "zamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "zamba2": {
        "mamba_headdim": 8, "mamba_n_heads": None, "n_mamba_heads": 8, "mamba_ngroups": 1,
        "layers_block_type": ["mamba", "hybrid"] * 2, "hybrid_layer_ids": [1, 3],
    },
    "recurrent_gemma": {"block_types": ["recurrent", "recurrent", "attention"], "num_hidden_layers": 6},
    "llama4_text": {
        "layer_types": ["chunked_attention", "full_attention"] * 2, "no_rope_layers": [1, 0, 1, 0],
        "interleave_moe_layer_step": 1,
    },
    "minimax": {**_LINEAR, "block_size": 8},
    "phi3": {
        "original_max_position_embeddings": 2 * WINDOW,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4,
            "long_factor": [4.0, 8.0, 12.0, 16.0],
            "original_max_position_embeddings": 2 * WINDOW,
        },
    },
    "nemotron_h": {"layers_block_type": ["mamba", "attention", "mlp", "mamba"], "hybrid_override_pattern": "M*-M"},
    "prophetnet": {"num_hidden_layers": None},
    "xlnet": {"max_position_embeddings": None},
    "xlstm": {"num_heads": 4, "qk_dim_factor": 0.5, "v_dim_factor": 1.0},
    "zaya": {"num_experts_per_tok": 1},
    "reformer": {
        "axial_pos_embds_dim": (16, 16), "axial_pos_shape": (16, 16), "attn_layers": ["local", "lsh"] * 2,
        "num_hidden_layers": None,
    },
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 2, "head_dim": None, "num_key_value_heads": None},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16},
    "kimi_linear": {**_LINEAR, **_LATENT},
    **dict.fromkeys(
        ("deepseek_v2", "deepseek_v3", "deepseek_v32", "glm_moe_dsa", "glm4_moe_lite", "axk1", "axk2", "youtu",
         "longcat_flash", "minicpm3", "kimi_k25_text"),
        _LATENT,
    ),
}  # fmt: skip
FAMILIES = sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) & set(CONFIG_MAPPING))


def tiny_family(family: str, seed: int = 0, **overrides: Any) -> PreTrainedModel:
    """Return a small random model whose logits are spread widely enough to have few near ties.

    Raises:
        Exception: The family cannot be made this small, or is no decoder of text alone.
    """
    kind = CONFIG_MAPPING[family]
    default = kind()
    known = {name: value for name, value in _SIZES.items() if _takes(default, name)}
    sizes = {**known, **_TOKENS, **SPECIAL.get(family, {}), **overrides}
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(kind(**{k: v for k, v in sizes.items() if v is not None})).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "conv" not in name and "A_log" not in name:
                parameter.normal_(0, 0.25)
    model.generation_config.eos_token_id = model.generation_config.forced_eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def _takes(config: Any, name: str) -> bool:
    declared = getattr(type(config), name, None)
    if isinstance(declared, property) and declared.fset is None:
        return False
    try:
        default = getattr(config, name)
    except Exception:  # there is none, or one for each layer
        return False
    # These switch a part of the architecture on.
    return name not in ("sliding_window", "q_lora_rank") or default is not None
