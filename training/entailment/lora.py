"""The network in training: low-rank changes beside frozen weights, by peft."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from counterfoil.attribution.entailment.local.network import PairNetwork
from torch import Tensor

from .recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def build(base: str, recipe: Recipe) -> tuple[PreTrainedTokenizerBase, PairNetwork]:
    """Return tokenizer, and the network with low-rank changes on every linear layer of its encoder.

    Raises:
        ImportError: peft is missing.
    """
    try:
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f'Training needs peft ({error}): pip install "counterfoil[train]"') from error
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415

    torch.manual_seed(recipe.seed)
    # Eager: with a mask, the fused attention of CPUs takes 1.3 times as long in bfloat16, gradients included.
    encoder = AutoModel.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    encoder.pooler = None
    for layer in encoder.encoder.layer:
        layer.attention.self.dropout.p = 0.0
    network = PairNetwork(encoder, recipe.hidden)
    lora = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=["query", "key", "value", "dense"])
    network.encoder = cast("PreTrainedModel", get_peft_model(encoder, lora))
    return AutoTokenizer.from_pretrained(base), network


def adapter_weights(network: PairNetwork) -> dict[str, Tensor]:
    """Return the trained weights by the names they have without peft's wrapping."""
    weights = {}
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            plain = name.replace("encoder.base_model.model.", "encoder.", 1)
            for side in ("lora_A", "lora_B"):
                plain = plain.replace(f"{side}.default.weight", side)
            weights[plain] = weight.detach().clone()
    return weights
