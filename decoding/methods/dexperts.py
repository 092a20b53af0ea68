"""DExperts: an expert and an anti-expert steer a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .masked_logits import finite_floor, forbidden_as_in, masked_to_plausible
from .method import Method
from .parameters import plausibility, strength

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DExperts(Method):
    """DExperts: prefer what an expert prefers more than an anti-expert does.

        scores = z + strength * (z_expert - z_anti)   where p >= plausibility * max p, else -inf

    Liu et al. 2021, arXiv 2105.03023, where `strength` is alpha (2 for detoxification). The paper cuts the model's own
    distribution by top-p before it adds the difference; `plausibility` is the cut of the other methods in its place,
    and 0 cuts nothing.

    With a tuned small model as expert, the same model untuned as anti-expert and strength 1 it is proxy tuning: Liu et
    al. 2024, arXiv 2401.08565. Experts may be other models, the model itself behind other prompts, or its early exits.
    """

    name = "dexperts"
    title = "DExperts"
    summary = "towards an expert, away from an anti-expert"
    compares = "the model, an expert and an anti-expert"
    paper = "Liu et al. 2021, [DExperts](https://arxiv.org/abs/2105.03023)"
    contrast = "prompt"
    contrasts = 2
    processor = "counterfoil.decoding.processors.text:DExpertsLogitsProcessor"

    strength: float = strength(1.0, letter="alpha")
    plausibility: float = plausibility(0.1)

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits of the model.
            contrast: `[2, rows, vocab]` logits of the expert and of the anti-expert.
        """
        expert, anti = finite_floor(contrast)
        base = main.float()
        scores = forbidden_as_in(base, base + self.strength * (expert - anti))
        return masked_to_plausible(scores, main, self.plausibility)
