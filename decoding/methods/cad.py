"""Context-aware decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .masked_logits import extrapolate
from .method import Method
from .parameters import strength

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CAD(Method):
    """Context-aware decoding: move away from what the model would say without the context.

        scores = (1 + strength) * z(y | context, x) - strength * z(y | x)

    Shi et al. 2023, arXiv 2305.14739, equation 2, where `strength` is alpha: 0.5 for summaries and 1.0 where documents
    contradict memory. As in the paper there is no plausibility mask. It is classifier-free guidance on logits with
    `guidance_scale = 1 + strength`.
    """

    name = "cad"
    title = "Context-aware decoding"
    summary = "trust the documents over memory"
    compares = "the prompt with and without documents"
    paper = "Shi et al. 2023, [Trusting Your Evidence](https://arxiv.org/abs/2305.14739), equation 2"
    contrast = "prompt"
    processor = "counterfoil.decoding.processors.text:CADLogitsProcessor"

    strength: float = strength(0.5, letter="alpha")

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits with the context.
            contrast: `[rows, vocab]` logits without it.
        """
        return extrapolate(main, contrast, self.strength)
