"""Decoding by contrasting layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .masked_logits import finite_floor, forbidden_as_in
from .plausibility import masked_to_plausible


def jensen_shannon(p_log: Tensor, q_log: Tensor) -> Tensor:
    """The Jensen-Shannon divergence of two distributions over the last dimension, in nats, in [0, log 2].

    Args:
        p_log: Log-probabilities, `[..., vocab]`; may hold -inf.
        q_log: The same shape.
    """
    mixture = torch.logaddexp(p_log, q_log) - math.log(2)

    def divergence(log_p: Tensor) -> Tensor:
        # 0 * log 0 = 0: a token that one view rules out adds nothing on that side.
        return (log_p.exp() * (log_p - mixture).masked_fill(log_p == -torch.inf, 0.0)).sum(-1)

    return ((divergence(p_log) + divergence(q_log)) / 2).clamp(0.0, math.log(2))


def dola_layer(final: Tensor, early: Tensor) -> Tensor:
    """The candidate layer that differs most from the last one, for each row by itself.

        layer* = argmax_j JSD(softmax z_N || softmax z_j)          Chuang et al. 2023, arXiv 2309.03883, equation 2

    The released code averages the divergence over the batch, so that the layer depends on who else is in it, and its
    divergence has the arguments of the Kullback-Leibler terms exchanged; this is the paper's, row by row, among the
    tokens that the last layer allows: what an earlier processor has forbidden there is no difference between layers.

    Args:
        final: `[rows, vocab]` logits of the last layer.
        early: `[layers, rows, vocab]` logits of the candidate layers.

    Returns:
        `[rows]` int64, indices into the first dimension of `early`.
    """
    log_p = final.float().log_softmax(-1)
    allowed = (forbidden_as_in(final, layer.float()).log_softmax(-1) for layer in early)
    return torch.stack([jensen_shannon(log_p, log_q) for log_q in allowed]).argmax(0)


def dola(main: Tensor, contrast: Tensor, *, plausibility: float = 0.1) -> Tensor:
    """Contrast the last layer with an earlier one.

        scores = log softmax z_N - log softmax z_j   where p_N >= plausibility * max p_N, else -inf

    Ibid., equations 3 and 4.

    Args:
        main: `[rows, vocab]` logits of the last layer.
        contrast: `[rows, vocab]` logits of the early layer of each row, see :func:`dola_layer`.
        plausibility: In [0, 1]: the plausibility cut.

    Returns:
        `[rows, vocab]` float32.
    """
    difference = main.float().log_softmax(-1) - finite_floor(contrast).log_softmax(-1)
    return masked_to_plausible(difference, main, plausibility)
