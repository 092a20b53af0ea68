"""Visual contrastive decoding."""

from __future__ import annotations

from torch import Tensor

from .masked_logits import extrapolate
from .plausibility import masked_to_plausible


def vcd(main: Tensor, contrast: Tensor, *, strength: float = 1.0, plausibility: float = 0.1) -> Tensor:
    """Visual contrastive decoding: away from what the model would say to a picture that is mostly noise.

        scores = (1 + strength) * z_v - strength * z_v'   where p_v >= plausibility * max p_v, else -inf

    Leng et al. 2023, arXiv 2311.16922.

    Args:
        main: `[rows, vocab]` logits with the image.
        contrast: `[rows, vocab]` logits with the noised one.
        strength: At least 0, 1 in the paper (0.5 where the released sampler is not told); 0 is plain decoding of the
            plausible tokens.
        plausibility: In [0, 1], the plausibility cut: 0.1 in the paper, 0.2 in the released script for POPE; 0 cuts
            nothing.

    Returns:
        `[rows, vocab]` float32.
    """
    return masked_to_plausible(extrapolate(main, contrast, strength), main, plausibility)
