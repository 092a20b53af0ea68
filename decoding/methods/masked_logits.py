"""Arithmetic on logits that may hold -inf, and the adaptive plausibility constraint.

Earlier processors and grammars mask tokens with -inf. A forbidden token must stay forbidden, and `-inf - (-inf)` must
not become NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def finite_floor(logits: Tensor) -> Tensor:
    """Return `logits` in float32 with every -inf replaced by the smallest finite value of its row.

    A token that a contrast rules out altogether would have an infinite difference; the row's own floor is the strongest
    contrast that this view can express. A row without a finite value becomes zeros.

    Args:
        logits: `[..., vocab]`.
    """
    values = logits.float()
    forbidden = values == -math.inf
    floor = values.masked_fill(forbidden, math.inf).amin(-1, keepdim=True)
    return floor.masked_fill(floor == math.inf, 0.0).where(forbidden, values)


def forbidden_as_in(main: Tensor, scores: Tensor) -> Tensor:
    """Return `scores` with -inf wherever `main` has it."""
    return scores.masked_fill(main == -math.inf, -math.inf)


def probabilities_as_in(main: Tensor, contrast: Tensor) -> Tensor:
    """Return the probabilities of `contrast` among the tokens that `main` allows, in the type of `contrast`.

    What an earlier processor has taken from one view alone is no disagreement between the two. A row whose `contrast`
    rules out all that `main` allows becomes zeros.

    Args:
        main: `[rows, vocab]` logits; may hold -inf.
        contrast: The same shape.
    """
    return forbidden_as_in(main, contrast).softmax(-1).nan_to_num(0.0)


def extrapolate(main: Tensor, contrast: Tensor, gain: Tensor | float) -> Tensor:
    """Return `(1 + gain) * main - gain * contrast`: away from `contrast`, in float32, -inf of `main` kept.

    Args:
        main: `[rows, vocab]` logits or log-probabilities.
        contrast: The same shape, of the view to move away from.
        gain: A number, or a column `[rows, 1]`.
    """
    base = main.float()
    allowed = base.masked_fill(base == -math.inf, 0.0)
    return forbidden_as_in(base, (1.0 + gain) * allowed - gain * finite_floor(contrast))


def plausible(main: Tensor, plausibility: Tensor | float) -> Tensor:
    """Return which tokens stay under the adaptive plausibility constraint, `[rows, vocab]` bool.

        V_head = {w : p(w) >= alpha * max p}            Li et al. 2022, arXiv 2210.15097, equation 3

    The normaliser cancels, so on logits it reads `z(w) >= log(alpha) + max z`, at any additive shift of the row. At
    least one token stays in a row that has a finite value.

    Args:
        main: `[rows, vocab]` logits or log-probabilities of the main view.
        plausibility: The paper's alpha, in [0, 1], a number or a column `[rows, 1]`. 0 keeps every token.
    """
    values = main.float()
    # Not `values >= max + cut`: rounding of that sum must never cut the largest token itself.
    return (values - values.amax(-1, keepdim=True) >= logarithm(plausibility)) & (values > -math.inf)


def masked_to_plausible(scores: Tensor, main: Tensor, plausibility: Tensor | float) -> Tensor:
    """Return `scores` with -inf outside of :func:`plausible`."""
    return scores.masked_fill(~plausible(main, plausibility), -math.inf)


def logarithm(share: Tensor | float) -> Tensor | float:
    """Return the natural logarithm of a number or a column, -inf for 0."""
    if isinstance(share, (int, float)):
        return math.log(share) if share > 0 else -math.inf
    return share.log()
