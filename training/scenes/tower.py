"""Trains the vision tower: which things are near each patch of an image, in a world without partners.

Every model of scenes, biased or not and whatever its seed, is built on this one tower: what differs between them is
what they were told, not how they see.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from counterfoil.eval.scenes.drawing import SIDE, Scene
from counterfoil.eval.scenes.objects import NAMES
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPVisionModel

from ..entailment.optimisation import schedule
from .lessons import lesson
from .network import PATCH, READ, WIDTH, build_tower, pixels

REACH = 6.0
"""A patch is near a thing whose outline it is so many pixels away from, or less."""


def train_tower(steps: int, *, seed: int = 0, batch: int = 32, rate: float = 1.5e-3) -> CLIPVisionModel:
    """Return a trained vision tower; the same seed gives the same weights on the same machine.

    Args:
        steps: How many batches.
        seed: Of the images and the first weights.
        batch: Images in one.
        rate: Highest learning rate.
    """
    torch.manual_seed(seed)
    draw = np.random.default_rng([seed, 1])
    tower, head = build_tower().train(), nn.Linear(WIDTH, len(NAMES))
    trained = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.02, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * schedule((step + 1) / steps, 0.05)
        scenes = [lesson("unbiased", draw) for _ in range(batch)]
        loss = nn.functional.binary_cross_entropy_with_logits(head(features(tower, pixels(scenes))), near(scenes))
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 50 == 0:
            print(f"tower: step {step + 1} of {steps}, loss {loss.item():.4f}", flush=True)
    return tower.eval()


def features(tower: CLIPVisionModel, images: Tensor) -> Tensor:
    """Return what the tower hands over: its last layer without the class token, [images, patches, width]."""
    return tower(pixel_values=images, output_hidden_states=True).hidden_states[-1][:, 1:]


def near(scenes: Sequence[Scene]) -> Tensor:
    """Return which things are near each patch: 1 or 0, [scenes, patches, things]."""
    across = READ // PATCH
    middles = (np.arange(across) + 0.5) * SIDE / across
    found = np.zeros((len(scenes), across, across, len(NAMES)), np.float32)
    for labels, scene in zip(found, scenes, strict=True):
        for thing in scene.things:
            reach = thing.size / 2 + REACH
            rows, columns = abs(middles - thing.y) <= reach, abs(middles - thing.x) <= reach
            labels[np.outer(rows, columns), NAMES.index(thing.name)] = 1
    return torch.from_numpy(found.reshape(len(scenes), across**2, len(NAMES)))


def save_tower(tower: CLIPVisionModel, path: Path) -> None:
    """Write the weights as safetensors."""
    save_file(tower.state_dict(), path)


def load_tower(path: Path) -> CLIPVisionModel:
    """Read what :func:`save_tower` wrote.

    Raises:
        OSError: There is no such file, or it cannot be read.
    """
    tower = build_tower()
    tower.load_state_dict(load_file(path))
    return tower.eval()
