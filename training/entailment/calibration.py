"""Temperature of a trained network, from pairs that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from counterfoil.eval.labelled_pairs import even_weights
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax


def supported_probability(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probability of entailment a row of `logits` [rows, 3]."""
    return softmax(np.asarray(logits, dtype=float) / temperature, axis=-1)[:, 0]


def temperature(logits: ArrayLike, truth: ArrayLike, sources: Sequence[str]) -> float:
    """Return the temperature of least log loss (Guo et al. 2017), each source and each side weighing the same.

    Args:
        logits: Entailment, neutral, contradiction: [rows, 3].
        truth: Whether each pair is supported.
        sources: Source of each pair.
    """
    truth = np.asarray(truth, dtype=bool)
    weights = even_weights(truth, sources)

    candidates = np.geomspace(0.25, 4, 129)
    losses = []
    for candidate in candidates:
        p = supported_probability(logits, candidate)
        losses.append(-(weights * np.log(np.clip(np.where(truth, p, 1 - p), 1e-12, 1))).sum())
    return float(candidates[int(np.argmin(losses))])
