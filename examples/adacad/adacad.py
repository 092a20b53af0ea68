"""AdaCAD, a method of one's own: context-aware decoding whose strength follows how much the two views disagree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterfoil.decoding.methods import Method, extrapolate, jensen_shannon, parameter

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AdaCAD(Method):
    """Adaptive context-aware decoding: contrast the more, the more the two views disagree.

        scores = (1 + a_t) * z(y | context, x) - a_t * z(y | x)
        a_t    = scale * JSD(p(y | context, x) || p(y | x)) in bits

    After Wang et al. 2024, arXiv 2409.07394, where `scale` is 1. Written as an example, not from the authors' code.
    """

    name = "adacad"
    title = "Adaptive context-aware decoding"
    summary = "trust the documents where they disagree with memory"
    compares = "the prompt with and without documents"
    paper = "Wang et al. 2024, [AdaCAD](https://arxiv.org/abs/2409.07394)"
    contrast = "prompt"

    scale: float = parameter(1.0, help="factor on the divergence; 0 is plain decoding", at_least=0)

    def strength(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return a_t, `[rows, 1]`."""
        divergence = jensen_shannon(main.float().log_softmax(-1), contrast.float().log_softmax(-1))
        return (self.scale * divergence[:, None] / math.log(2)).float()

    def coefficients(self, main: Tensor, contrast: Tensor, **context: Tensor | int) -> dict[str, Tensor]:
        """Return a_t, `[rows]`, for the trace."""
        return {"strength": self.strength(main, contrast)[:, 0]}

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32, for logits of the two views."""
        return extrapolate(main, contrast, self.strength(main, contrast))
