"""Contrastive search: a candidate's probability against its likeness to what was already said."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def unit_norm(hidden: Tensor) -> Tensor:
    """Hidden states scaled to unit length, in float32.

    A zero vector stays zero instead of becoming NaN: models whose padding embedding is zero produce such states.

    Args:
        hidden: Hidden states `[..., hidden_size]`, of any floating type.

    Returns:
        Float32 tensor of the same shape.
    """
    return functional.normalize(hidden.float(), dim=-1, eps=torch.finfo(torch.float32).tiny)


def contrastive_search(
    probabilities: Tensor,
    candidate_hidden: Tensor,
    history: Tensor,
    penalty_alpha: float,
    *,
    history_mask: Tensor | None = None,
) -> Tensor:
    r"""Scores of the candidate next tokens; the highest one of a row is chosen.

    .. math:: (1 - \alpha)\, p(v \mid x_{<t}) - \alpha \max_{1 \le j \le t-1} \cos(h_v, h_{x_j})

    for every `v` of the top-k set (Su et al. 2022, https://arxiv.org/abs/2202.06417, equation 5). The first term is
    a probability, not its logarithm, and is not renormalised over the candidates. The sum runs over prompt and
    generated tokens alike, over padding never. The cosine is taken in float32 whatever the model's type; the
    released codes take it in the model's own type, and the first of them let padding count.

    A candidate of probability zero was forbidden by a logits processor and gets `-inf`, where the released codes
    would let it win by being unlike the rest.

    Args:
        probabilities: `[batch, k]` probabilities of the candidates.
        candidate_hidden: `[batch, k, hidden_size]` last hidden state of each candidate, of any length.
        history: `[batch, length, hidden_size]` hidden states of all earlier tokens at unit length (`unit_norm`).
        penalty_alpha: Weight of the penalty, between 0 (greedy search) and 1 (likeness alone).
        history_mask: `[batch, length]`, true or non-zero at real tokens; None if there is no padding.

    Returns:
        Float32 scores `[batch, k]`. Where a row has no history at all the penalty is 0.
    """
    if history.shape[1] == 0:
        penalty = torch.zeros_like(probabilities, dtype=torch.float32)
    else:
        cosine = unit_norm(candidate_hidden) @ history.float().transpose(1, 2)
        if history_mask is not None:
            cosine = cosine.masked_fill(~history_mask.bool()[:, None], -torch.inf)
        penalty = cosine.amax(dim=-1)
        if history_mask is not None:
            penalty = penalty.masked_fill(penalty == -torch.inf, 0.0)
    scores = (1 - penalty_alpha) * probabilities.float() - penalty_alpha * penalty
    return scores.masked_fill(probabilities <= 0, -torch.inf)
