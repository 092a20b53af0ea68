"""What every rule needs: arithmetic on logits that may hold -inf.

Earlier processors and grammars mask tokens with -inf. A forbidden token has to stay forbidden, and `-inf - (-inf)` must
not become NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor


def finite_floor(logits: Tensor) -> Tensor:
    """`logits` in float32 with every -inf replaced by the smallest finite value of its row.

    A token that a *reference* view rules out altogether would have an infinite contrast; the row's own floor is the
    strongest contrast that view can express. A row without a finite value becomes zeros.

    Args:
        logits: `[..., vocab]`.
    """
    values = logits.float()
    forbidden = values == -torch.inf
    floor = values.masked_fill(forbidden, torch.inf).amin(-1, keepdim=True)
    return torch.where(forbidden, floor.masked_fill(floor == torch.inf, 0.0), values)


def forbidden_as_in(main: Tensor, scores: Tensor) -> Tensor:
    """`scores` with -inf wherever `main` has it."""
    return scores.masked_fill(main == -torch.inf, -torch.inf)


def probabilities_as_in(main: Tensor, contrast: Tensor) -> Tensor:
    """The probabilities of `contrast` among the tokens that `main` allows, in the type of `contrast`.

    What an earlier processor has taken from one view alone is no disagreement between the two. A row whose `contrast`
    rules out all that `main` allows becomes zeros.

    Args:
        main: `[rows, vocab]` logits; may hold -inf.
        contrast: The same shape.
    """
    return forbidden_as_in(main, contrast).softmax(-1).nan_to_num(0.0)


def extrapolate(main: Tensor, contrast: Tensor, gain: Tensor | float) -> Tensor:
    """`(1 + gain) * main - gain * contrast`: away from `contrast`, in float32, -inf of `main` kept.

    Args:
        main: `[rows, vocab]` logits or log-probabilities.
        contrast: The same shape, of the view to move away from.
        gain: A number, or `[rows, 1]`.
    """
    base = main.float()
    allowed = base.masked_fill(base == -torch.inf, 0.0)
    return forbidden_as_in(base, (1.0 + gain) * allowed - gain * finite_floor(contrast))
