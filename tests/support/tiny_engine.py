"""Tiny random models in a real vLLM engine, and the same in transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.support.engine import Engine

VOCABULARY = 96
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 256,
    "initializer_range": 0.5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": SIZES,
    "qwen2": SIZES,
    "qwen3": {**SIZES, "head_dim": 32},
    "mistral": {**SIZES, "head_dim": 32, "sliding_window": None},
    "gpt2": {
        "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 256, "vocab_size": VOCABULARY, "initializer_range": 0.5,
        "bos_token_id": 1, "eos_token_id": 2,
    },
    "qwen2_moe": {
        **SIZES, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
    },
}  # fmt: skip

EXITING: dict[str, dict[str, Any]] = {
    "granite": {**SIZES, "residual_multiplier": 0.5, "embedding_multiplier": 3.0, "logits_scaling": 2.0},
    "qwen3_moe": {
        **SIZES, "head_dim": 32, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "decoder_sparse_step": 1,
    },
}  # fmt: skip
"""Families for early exits alone."""


@dataclass
class TinyEngine:
    """A tiny model in both libraries."""

    model: Any
    engine: Engine
    folder: str


def tiny_engine(folder: Path, family: str = "llama", **options: Any) -> TinyEngine:
    """An engine with pairs and contrastive search on a tiny model of this family.

    Args:
        folder: Where its weights go.
        family: Of :data:`FAMILIES`.
        options: Of :func:`.llm_kwargs`.
    """
    model, path = tiny_model(folder, family)
    few = {"max_model_len": 128, "max_num_seqs": 64, "num_gpu_blocks_override": 512, "skip_tokenizer_init": True}
    return TinyEngine(model, Engine(path, contrastive_search=True, **{**few, **options}), path)


def tiny_model(folder: Path, family: str = "llama", **sizes: Any) -> tuple[Any, str]:
    """The model in transformers, with other sizes if they are given, and the folder in which it is saved."""
    torch.manual_seed(3)
    path = str(folder / family)
    config = AutoConfig.for_model(family, **{**FAMILIES, **EXITING}[family] | sizes)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.eval().save_pretrained(path)
    return model, path
