"""Llamas of random weights, made where they are used, so that a benchmark needs no download."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {
        "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 2000, "tie_word_embeddings": False,
    },
    "1B": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": True,
    },
    "8B": {
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False,
    },
}  # fmt: skip
"""A small one, and those of Llama 3.2 1B and Llama 3 8B."""

SPREAD = 0.3
"""The standard deviation of weights with which a small random model prefers some tokens clearly to others."""

Inputs = dict[str, torch.Tensor]


def llama(shape: str, device: str, dtype: torch.dtype, spread: float = 0.02, **changes: Any) -> Any:
    """Return a random model of a shape, made on the device."""
    config = LlamaConfig(
        **{**SHAPES[shape], **changes}, max_position_embeddings=8192, initializer_range=spread,
        eos_token_id=None, bos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def texts(count: int, lengths: list[int], vocabulary: int, seed: int) -> list[list[int]]:
    """Return `count` random prompts for each length."""
    draw = torch.Generator().manual_seed(seed)
    return [
        torch.randint(5, vocabulary - 5, (length,), generator=draw).tolist() for length in lengths for _ in range(count)
    ]


def padded(rows: list[list[int]], device: str) -> Inputs:
    """Return a batch that is padded on the left."""
    width = max(map(len, rows))
    ids = [[0] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}
