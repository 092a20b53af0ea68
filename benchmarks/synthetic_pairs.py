"""An expert and its amateurs, made of one model, for machines that have no two models of a family.

They share nothing with trained pairs but what speed depends on: what a forward of each costs, and how often the expert
goes on as the amateur expects.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


def deepened(model: PreTrainedModel, times: int) -> PreTrainedModel:
    """Return a model of so many times the layers that computes the same: an expert that costs more.

    The further layers are copies of the others, whose outputs are multiplied by zero.

    Args:
        model: Of the Llama family.
        times: At least 1.
    """
    made: Any = copy.deepcopy(model)
    layers = made.model.layers
    count = len(layers)
    for index in range(count, times * count):
        layer = copy.deepcopy(layers[index % count])
        with torch.no_grad():
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        layers.append(layer)
    return _renumbered(made)


def with_layers(model: PreTrainedModel, kept: Iterable[int]) -> PreTrainedModel:
    """Return a model of the Llama family without the layers that are not named: an amateur that costs less."""
    made: Any = copy.deepcopy(model)
    made.model.layers = nn.ModuleList(made.model.layers[index] for index in kept)
    return _renumbered(made)


def noised(model: PreTrainedModel, share: float, seed: int = 0) -> PreTrainedModel:
    """Return a model that knows less: noise on each matrix of the layers, of so many of its standard deviations."""
    made: Any = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in made.model.layers.parameters():
            if weights.dim() == 2:
                noise = torch.randn(weights.shape, generator=generator).to(weights)
                weights.add_(noise * weights.std() * share)
    return made


def _renumbered(model: Any) -> PreTrainedModel:
    """Return the model, whose layers write to the cache by their number."""
    for index, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = index
    model.config.num_hidden_layers = len(model.model.layers)
    return model
