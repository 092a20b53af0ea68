"""Loss, learning rate, averaging of weights, and cutting a step into batches of like length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from counterfoil.attribution.entailment.local.encoding import Row
from counterfoil.attribution.entailment.local.network import CLASSES
from torch import Tensor, nn


def negative_log_likelihood(logits: Tensor, labels: Sequence[str], smoothing: float) -> Tensor:
    """Return the loss of each row.

    `supported` is entailment. `not_supported` is neutral or contradiction, we do not know which: its likelihood is
    the sum of both, so that sources with two labels and sources with three train one network.

    Args:
        logits: Entailment, neutral, contradiction: [rows, 3].
        labels: One of the five labels a row.
        smoothing: Share of the loss that pulls to equal probabilities.
    """
    log_p = logits.log_softmax(-1)
    not_supported = torch.logsumexp(log_p[:, 1:], dim=-1, keepdim=True)
    columns = {"supported": 0, "not_supported": len(CLASSES)} | {name: i for i, name in enumerate(CLASSES)}
    picked = torch.tensor([columns[label] for label in labels], device=logits.device)
    likelihood = torch.cat([log_p, not_supported], dim=-1).gather(1, picked[:, None])[:, 0]
    return -(1 - smoothing) * likelihood - smoothing * log_p.mean(-1)


def schedule(progress: float, warm_up: float) -> float:
    """Return the factor of the learning rate at `progress` in [0, 1]: linear warm-up, then half a cosine to zero."""
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warm_up) / (1 - warm_up))))


def micro_batches(rows: Sequence[Row], budget: int) -> list[list[int]]:
    """Return positions of `rows` from long to short, cut where the padded size would pass `budget` tokens.

    A group also ends where rows get much shorter than its first: padding is paid for like text.
    """
    groups: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(rows)), key=lambda i: -len(rows[i].ids)):
        length = len(rows[index].ids)
        if not groups or longest * (len(groups[-1]) + 1) > budget or length < 0.6 * longest:
            groups.append([])
            longest = length
        groups[-1].append(index)
    return groups


class MovingAverage:
    """Exponential moving average of the trained weights.

    Args:
        network: Its weights that require a gradient are followed.
        decay: Share of the old average that a step keeps, less in the first steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.live = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        self.mean = {name: weight.detach().clone() for name, weight in self.live.items()}
        self.decay, self.steps = decay, 0

    def update(self) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, weight in self.live.items():
            self.mean[name].lerp_(weight.detach(), 1 - decay)

    def swap(self) -> None:
        """Exchange the network's weights and the average; a second call undoes it."""
        for name, weight in self.live.items():
            kept = weight.detach().clone()
            weight.data.copy_(self.mean[name])
            self.mean[name] = kept
