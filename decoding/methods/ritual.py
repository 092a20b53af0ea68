"""RITUAL: a transformed image as a complement."""

from __future__ import annotations

from torch import Tensor

from .masked_logits import finite_floor, forbidden_as_in
from .plausibility import masked_to_plausible


def ritual(
    main: Tensor, contrast: Tensor, *, strength: float = 3.0, plausibility: float = 0.1, normalize: bool = False
) -> Tensor:
    """RITUAL: what both the image and a random transformation of it speak for.

        scores = z_v + strength * z_T   where p_v >= plausibility * max p_v, else -inf

    Woo et al. 2024, arXiv 2405.17821. The text of the repository speaks of a combination of probabilities, the code
    adds logits; so does this. The sum is not divided by `1 + strength`, there or here: were the transformation the
    identity, it would be sampling at temperature 1 / (1 + strength), and part of what it gains over sampling at
    temperature 1 is that.

    Args:
        main: `[rows, vocab]` logits with the image.
        contrast: `[rows, vocab]` logits with the transformed one.
        strength: At least 0, 3 in the paper; 0 is plain decoding of the plausible tokens.
        plausibility: In [0, 1], the plausibility cut, 0.1 in the paper; 0 cuts nothing.
        normalize: Divide by `1 + strength`: the weighted mean of the two views.

    Returns:
        `[rows, vocab]` float32.
    """
    base = main.float()
    # The main view's own -inf must not meet `normalize` or the sum as anything but -inf.
    total = base.masked_fill(base.isneginf(), 0.0) + strength * finite_floor(contrast)
    scores = forbidden_as_in(base, total / (1.0 + strength) if normalize else total)
    return masked_to_plausible(scores, main, plausibility)
