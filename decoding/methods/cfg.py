"""Classifier-free guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .masked_logits import extrapolate_log_p
from .method import Method
from .parameters import parameter

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CFG(Method):
    """Classifier-free guidance: follow the prompt more than the model does, away from a negative prompt.

        scores = log p(y | negative) + guidance_scale * (log p(y | prompt) - log p(y | negative))

    Sanchez et al. 2023, arXiv 2306.17806, where `guidance_scale` is gamma; the same as the processor behind
    `generate(guidance_scale=...)` of transformers. 1 is plain decoding, 0 is the negative prompt alone, and a scale
    between them moves towards the negative prompt. Without a negative prompt the negative view is unconditional: it
    reads the last token of the prompt alone.

    Beam search adds up the scores as they are, as in transformers: the sum over a sequence is the equation on the
    probabilities of whole sequences. There is no plausibility cut.
    """

    name = "cfg"
    title = "Classifier-free guidance"
    summary = "follow the prompt, keep away from a negative prompt"
    compares = "the prompt and a negative one, or its last token"
    paper = "Sanchez et al. 2023, [Stay on topic with Classifier-Free Guidance](https://arxiv.org/abs/2306.17806)"
    contrast = "prompt"
    contrast_name = "negative"
    unconditional_tokens = 1
    processor = "counterfoil.decoding.processors.text:GuidanceLogitsProcessor"

    guidance_scale: float = parameter(
        1.5, help="weight of the prompt against the negative one; 1 is plain decoding", letter="gamma", at_least=0
    )

    @property
    def is_distribution(self) -> bool:
        """Return false: beam search adds up the scores themselves."""
        return False

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits given the prompt.
            contrast: `[rows, vocab]` logits given the negative prompt.
        """
        return extrapolate_log_p(main, contrast, self.guidance_scale - 1.0)
