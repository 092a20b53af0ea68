"""Contrastive search: a candidate's probability against its likeness to what was already said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .method import Method
from .parameters import parameter

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 2.0**-126
"""The smallest normal number of single precision."""


@dataclass(frozen=True, kw_only=True)
class ContrastiveSearch(Method):
    r"""Contrastive search: prefer a probable token that is unlike what was already said.

    .. math:: (1 - \alpha)\, p(v \mid x_{<t}) - \alpha \max_{1 \le j \le t-1} \cos(h_v, h_{x_j})

    for every `v` of the top-k set (Su et al. 2022, https://arxiv.org/abs/2202.06417, equation 5), where `penalty_alpha`
    is alpha, from 0 (greedy search) to 1 (likeness alone), and `top_k` is k, 4 to 8 in the paper's settings. The first
    term is a probability, not its logarithm, and is not renormalised over the candidates. The sum runs over prompt and
    generated tokens alike, over padding never. The cosine is taken in float32 whatever the model's type; the released
    codes take it in the model's own type, and the first of them let padding count.

    A candidate of probability zero was forbidden by a logits processor and gets `-inf`, where the released codes would
    let it win by being unlike the rest.
    """

    name = "contrastive_search"
    title = "Contrastive search"
    summary = "likely, and unlike what was already said"
    compares = "the candidates for the next token"
    paper = (
        "Su et al. 2022, [A Contrastive Framework for Neural Text Generation](https://arxiv.org/abs/2202.06417), "
        "equation 5"
    )
    contrast = "candidates"
    processor = "counterfoil.decoding.search.processor:ContrastiveSearchLogitsProcessor"

    penalty_alpha: float = parameter(0.6, help="weight of the penalty", letter="alpha", at_least=0, at_most=1)
    top_k: int = parameter(4, help="number of candidates", letter="k", at_least=1)

    @property
    def is_distribution(self) -> bool:
        """Return false: the scores choose among candidates."""
        return False

    def scores(self, main: Tensor, contrast: Tensor, *, history: Tensor, history_mask: Tensor | None = None) -> Tensor:
        """Return the scores of the candidates `[batch, k]`, float32; the highest one of a row is chosen.

        Where a row has no history at all the penalty is 0.

        Args:
            main: `[batch, k]` probabilities of the candidates.
            contrast: `[batch, k, hidden_size]` last hidden state of each candidate, of any length.
            history: `[batch, length, hidden_size]` hidden states of all earlier tokens at unit length
                (:func:`unit_norm`).
            history_mask: `[batch, length]`, true or non-zero at real tokens; None if there is no padding.
        """
        if history.shape[1] == 0:
            return self.penalized(main, main.float() * 0)
        cosine = unit_norm(contrast) @ history.float().transpose(1, 2)
        if history_mask is not None:
            cosine = cosine.masked_fill(~history_mask.bool()[:, None], -math.inf)
        likeness = cosine.amax(dim=-1)
        if history_mask is not None:
            likeness = likeness.masked_fill(likeness == -math.inf, 0.0)
        return self.penalized(main, likeness)

    def penalized(self, main: Tensor, likeness: Tensor) -> Tensor:
        """Return the scores of the candidates `[batch, k]`, float32, given their likeness to the history.

        Args:
            main: `[batch, k]` probabilities of the candidates.
            likeness: `[batch, k]`, each candidate's largest cosine with an earlier hidden state.
        """
        scores = (1 - self.penalty_alpha) * main.float() - self.penalty_alpha * likeness
        return scores.masked_fill(main <= 0, -math.inf)


def unit_norm(hidden: Tensor) -> Tensor:
    """Return hidden states scaled to unit length, in float32.

    A zero vector stays zero instead of becoming NaN: models whose padding embedding is zero produce such states.

    Args:
        hidden: Hidden states `[..., hidden_size]`, of any floating type.

    Returns:
        Float32 tensor of the same shape.
    """
    values = hidden.float()
    return values / values.norm(dim=-1, keepdim=True).clamp_min(SMALLEST)
