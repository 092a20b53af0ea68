"""Arithmetic on logits that may hold -inf, and the adaptive plausibility constraint.

Earlier processors and grammars mask tokens with -inf. A forbidden token must stay forbidden, and `-inf - (-inf)` must
not become NaN.

The rows of a batch are many megabytes, and a rule runs beside a model that fills its device. So a rule holds at most
two tensors `[rows, vocab]` of its own at a time: what it has made itself it changes in place, never its arguments.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
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


def in_double(values: Tensor) -> Tensor:
    """Return `values` in float64, or in float32 on a device that has no float64 (Apple's, some of Intel's)."""
    return values.double() if _has_double(values.device) else values.float()


@cache
def _has_double(device: torch.device) -> bool:
    import torch  # noqa: PLC0415

    try:
        # Intel's devices hold such numbers and refuse to compute with them.
        torch.ones(1, dtype=torch.float64, device=device).exp_()
    except (TypeError, RuntimeError):
        return False
    return True


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
    return forbidden_as_in(main, contrast).softmax(-1).nan_to_num_(0.0)


def extrapolate(main: Tensor, contrast: Tensor, gain: Tensor | float) -> Tensor:
    """Return `(1 + gain) * main - gain * contrast`: away from `contrast`, in float32, -inf of `main` kept.

    Args:
        main: `[rows, vocab]` logits or log-probabilities.
        contrast: The same shape, of the view to move away from.
        gain: A number, or a column `[rows, 1]`.
    """
    base = main.float()
    forbidden = base == -math.inf
    return _extrapolated(base.masked_fill(forbidden, 0.0), finite_floor(contrast), gain, forbidden)


def extrapolate_log_p(main: Tensor, contrast: Tensor, gain: Tensor | float) -> Tensor:
    """Return :func:`extrapolate` of the log-probabilities of two views.

    Args:
        main: `[rows, vocab]` logits; may hold -inf.
        contrast: The same shape, of the view to move away from.
        gain: A number, or a column `[rows, 1]`.
    """
    away = finite_floor(contrast).log_softmax(-1)
    base = main.float().log_softmax(-1)
    forbidden = base == -math.inf
    return _extrapolated(base.masked_fill_(forbidden, 0.0), away, gain, forbidden)


def _extrapolated(base: Tensor, away: Tensor, gain: Tensor | float, forbidden: Tensor) -> Tensor:
    # In place: `base` and `away` are the caller's own. Their difference comes first: where the gain is large and the
    # views are alike, that of two large products would keep little of it.
    return base.sub_(away.sub_(base).mul_(gain)).masked_fill_(forbidden, -math.inf)


def log_ratio(main: Tensor, log_q: Tensor) -> Tensor:
    """Return `log softmax(main) - log_q` `[rows, vocab]`, float32.

    NaN or infinite at tokens that `main` rules out, so :func:`masked_to_plausible` must follow.

    Args:
        main: `[rows, vocab]` logits; may hold -inf.
        log_q: Log-probabilities of the contrast, of the same shape.
    """
    return main.float().log_softmax(-1).sub_(log_q)


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
