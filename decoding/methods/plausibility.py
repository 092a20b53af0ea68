"""The adaptive plausibility constraint: contrast only what the main view finds plausible itself.

    V_head = {w : p(w) >= alpha * max p}            Li et al. 2022, arXiv 2210.15097, equation 3

The normaliser cancels, so on logits it reads `z(w) >= log(alpha) + max z`, at any additive shift of the row.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def plausible(main: Tensor, plausibility: Tensor | float) -> Tensor:
    """Which tokens stay: `[rows, vocab]` bool, at least one true a row that has a finite value.

    Args:
        main: `[rows, vocab]` logits or log-probabilities of the main view.
        plausibility: The paper's alpha, in [0, 1], a number or `[rows, 1]`: the least share of the largest
            probability. 0 keeps every token.
    """
    values = main.float()
    if isinstance(plausibility, Tensor):
        cut = torch.log(plausibility)
    else:
        cut = math.log(plausibility) if plausibility > 0 else -math.inf
    # Not `values >= max + cut`: rounding of that sum must never cut the largest token itself.
    return (values - values.amax(-1, keepdim=True) >= cut) & (values > -torch.inf)


def masked_to_plausible(scores: Tensor, main: Tensor, plausibility: Tensor | float) -> Tensor:
    """`scores` with -inf outside of :func:`plausible`."""
    return scores.masked_fill(~plausible(main, plausibility), -torch.inf)
