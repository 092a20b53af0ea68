"""Temperature and threshold of a trained network, from pairs that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from .measures import even_weights


def supported_probability(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probability of entailment a row of `logits` [rows, 3]."""
    return softmax(np.asarray(logits, dtype=float) / temperature, axis=-1)[:, 0]


def temperature(logits: ArrayLike, truth: ArrayLike, sources: Sequence[str]) -> float:
    """The temperature of least log loss (Guo et al. 2017) at even odds: each source and each side weigh the same.

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


def threshold(probability: ArrayLike, truth: ArrayLike, sources: Sequence[str]) -> float:
    """The threshold of greatest mean balanced accuracy over the sources.

    Figures of neighbouring thresholds differ by chance, so the middle is taken of those within a tenth of a per cent of
    the best.
    """
    probability, truth = np.asarray(probability), np.asarray(truth, dtype=bool)
    weights = even_weights(truth, sources)
    candidates = np.linspace(0.05, 0.95, 181)
    gains = np.array([(weights * ((probability >= t) == truth)).sum() for t in candidates])
    return round(float(np.median(candidates[gains >= gains.max() - 0.001])), 3)
