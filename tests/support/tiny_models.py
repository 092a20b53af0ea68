"""Real model classes on tiny random configurations."""

from __future__ import annotations

import functools

import torch
import transformers
from transformers import AutoConfig, PreTrainedModel

VOCABULARY = 96
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGURATIONS: dict[str, dict] = {
    "llama": COMMON,
    "qwen3": COMMON,
    "mistral": {**COMMON, "sliding_window": 8},
    "gemma3_text": {
        **COMMON,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "query_pre_attn_scalar": 8,
    },
    "gpt2": {
        "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 256,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    },
    "gpt_neox": {**{k: v for k, v in COMMON.items() if k not in ("num_key_value_heads", "head_dim")}},
    "bloom": {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 4, "n_head": 4, "pad_token_id": 0},
    "opt": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
        "max_position_embeddings": 256, "word_embed_proj_dim": 32,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    },
    "qwen3_next": {
        **COMMON, "layer_types": ["linear_attention", "full_attention"] * 2, "linear_key_head_dim": 8,
        "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "num_experts": 2,
        "num_experts_per_tok": 1, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16,
    },
    "mamba": {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "pad_token_id": 0},
    "t5": {
        "vocab_size": VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2,
        "num_heads": 4, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 2,
    },
}  # fmt: skip


@functools.cache
def tiny_model(family: str, seed: int = 0, **overrides: int) -> PreTrainedModel:
    """A small random model of a real class, whose logits are spread widely enough to have no near ties."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(family, **{**CONFIGURATIONS[family], **overrides})
    auto = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
    model = auto.from_config(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "conv" not in name:
                parameter.normal_(0, 0.25)
    # Decoding in the tests stops where they say, not where a random model happens to choose token 2.
    model.generation_config.eos_token_id = None
    return model


def random_prompts(lengths: list[int], seed: int) -> list[list[int]]:
    """Token ids from 3 on, so that none is padding, begin or end."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(3, VOCABULARY, (length,), generator=generator).tolist() for length in lengths]


def padded(prompts: list[list[int]], *, side: str = "left") -> dict[str, torch.Tensor]:
    """What a tokenizer returns for these prompts."""
    longest = max(map(len, prompts))
    rows, masks = [], []
    for prompt in prompts:
        fill = [0] * (longest - len(prompt))
        rows.append(fill + prompt if side == "left" else prompt + fill)
        mask = [0] * len(fill), [1] * len(prompt)
        masks.append([*mask[0], *mask[1]] if side == "left" else [*mask[1], *mask[0]])
    return {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(masks)}
