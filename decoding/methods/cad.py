"""Context-aware decoding."""

from __future__ import annotations

from torch import Tensor

from .masked_logits import extrapolate


def cad(main: Tensor, contrast: Tensor, *, strength: float) -> Tensor:
    """Context-aware decoding: away from what the model would say without the context.

        scores = (1 + strength) * z(y | context, x) - strength * z(y | x)

    Shi et al. 2023, arXiv 2305.14739, equation 2, without a plausibility mask, as in the paper.

    Args:
        main: `[rows, vocab]` logits with the context.
        contrast: `[rows, vocab]` logits without it.
        strength: At least 0. The paper takes 0.5 for summaries and 1.0 where context and memory conflict; 0 is plain
            decoding.

    Returns:
        `[rows, vocab]` float32.
    """
    return extrapolate(main, contrast, strength)
