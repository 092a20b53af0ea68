"""M3ID: multi-modal mutual information decoding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .masked_logits import extrapolate
from .plausibility import masked_to_plausible


def m3id_weight(
    main: Tensor, *, step: Tensor | int, decay: float = 0.02, gate: float = 0.3, max_weight: float | None = 10.0
) -> Tensor:
    """How strongly M3ID contrasts each row at its step, `[rows, 1]` float32.

        w_t = 1[max p < gate] * (1 - g_t) / g_t,     g_t = exp(-decay * t)

    Args:
        main: `[rows, vocab]` logits with the image.
        step: t, how many tokens have been generated (and an offset, if any): a number, or `[rows, 1]`.
        decay: At least 0, the paper's lambda: how fast the image is forgotten.
        gate: In [0, 1], the paper's alpha: a token that the model gives this probability or more is left alone. 1
            leaves none alone.
        max_weight: At least 0, the most that w may become, or `None` for no bound.
    """
    t = torch.as_tensor(step, dtype=torch.float32, device=main.device).expand(len(main), 1)
    # Without a bound the weight would reach infinity in single precision, and infinity times 0 is NaN.
    weight = torch.expm1((decay * t).clamp_max(60.0))
    if max_weight is not None:
        weight = weight.clamp_max(max_weight)
    if gate >= 1:
        return weight
    sure = main.float().log_softmax(-1).amax(-1, keepdim=True) >= (math.log(gate) if gate > 0 else -math.inf)
    return weight.masked_fill(sure, 0.0)


def m3id(
    main: Tensor,
    contrast: Tensor,
    *,
    step: Tensor | int,
    decay: float = 0.02,
    gate: float = 0.3,
    plausibility: float = 0.0,
    max_weight: float | None = 10.0,
) -> Tensor:
    """M3ID: the longer the answer, the more it moves away from what the model would say without the image.

        scores = log p_c + w_t * (log p_c - log p_u)      with w_t of :func:`m3id_weight`

    Favero et al. 2024, arXiv 2403.14003, on logits: a row's normalisers shift all its scores alike. Written from a
    second-hand account of the paper, which has no public code. It has neither a cut (`plausibility=0`) nor a bound of
    the weight, which without one is 0.2 at the tenth token, 1.7 at the fiftieth and 28,000 at the five hundred and
    twelfth; `max_weight` differs from it beyond the hundred and twentieth token.

    The M3ID in the released code of RITUAL has no gate and always the cut: `gate=1, plausibility=0.1, max_weight=None`.

    Args:
        main: `[rows, vocab]` logits with the image.
        contrast: `[rows, vocab]` logits of the same prompt without it.
        step: As for :func:`m3id_weight`.
        decay: As there; 0 is plain decoding.
        gate: As there.
        plausibility: In [0, 1], a plausibility cut; 0 cuts nothing.
        max_weight: As there.

    Returns:
        `[rows, vocab]` float32.
    """
    weight = m3id_weight(main, step=step, decay=decay, gate=gate, max_weight=max_weight)
    return masked_to_plausible(extrapolate(main, contrast, weight), main, plausibility)
