"""Visual contrastive decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .masked_logits import extrapolate, masked_to_plausible
from .method import Method
from .parameters import parameter, plausibility, strength

if TYPE_CHECKING:
    from torch import Tensor

DIFFUSION_STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class VCD(Method):
    """Visual contrastive decoding: move away from what the model would say to an image that is mostly noise.

        scores = (1 + strength) * z_v - strength * z_v'   where p_v >= plausibility * max p_v, else -inf

    Leng et al. 2023, arXiv 2311.16922, where `strength` is alpha (1 in the paper, 0.5 in the released sampler if it is
    not given) and `plausibility` beta (0.1 in the paper, 0.2 in the released script for POPE). `noise_step` is T, the
    number of steps of the diffusion process, 500 in the paper.
    """

    name = "vcd"
    title = "Visual contrastive decoding"
    summary = "what an image says and noise does not"
    compares = "the image and a noised one"
    paper = "Leng et al. 2023, [VCD](https://arxiv.org/abs/2311.16922)"
    contrast = "image"
    takes_image = True
    processor = "counterfoil.decoding.processors.images:VCDLogitsProcessor"

    strength: float = strength(1.0, letter="alpha")
    plausibility: float = plausibility(0.1, letter="beta")
    noise_step: int = parameter(
        500, help="steps of noise", letter="T", at_least=0, at_most=DIFFUSION_STEPS - 1, makes_contrast=True
    )

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits with the image.
            contrast: `[rows, vocab]` logits with the noised one.
        """
        return masked_to_plausible(extrapolate(main, contrast, self.strength), main, self.plausibility)
