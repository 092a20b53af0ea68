"""The rules once more, in float64 numpy, from the equations; one row at a time, loops where loops are clearer."""

from __future__ import annotations

import numpy as np


def log_softmax(z: np.ndarray) -> np.ndarray:
    shifted = z - z.max()
    with np.errstate(divide="ignore"):
        return shifted - np.log(np.exp(shifted).sum())


def mask(scores: np.ndarray, main: np.ndarray, plausibility: float) -> np.ndarray:
    p = np.exp(log_softmax(main))
    return np.where((p >= plausibility * p.max() * (1 - 1e-12)) & (main > -np.inf), scores, -np.inf)


def _finite(z: np.ndarray) -> np.ndarray:
    finite = z[np.isfinite(z)]
    return np.where(np.isfinite(z), z, finite.min() if finite.size else 0.0)


def _allowed(main: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    return np.where(main == -np.inf, -np.inf, contrast)


def cad(main, contrast, strength):
    allowed = np.where(main == -np.inf, 0, main)
    return np.where(main == -np.inf, -np.inf, (1 + strength) * allowed - strength * _finite(contrast))


def cfg(main, contrast, guidance_scale=1.5):
    with np.errstate(invalid="ignore"):
        negative = log_softmax(_finite(contrast))
        scores = negative + guidance_scale * (log_softmax(main) - negative)
    return np.where(main == -np.inf, -np.inf, scores)


def cid(main, contrast, strength, rule="probability", plausibility=0.1):
    if rule == "log_ratio":
        return mask(cad(main, contrast, strength), main, plausibility)
    lp = log_softmax(main)
    allowed = _allowed(main, contrast)
    p_contrast = np.exp(log_softmax(allowed)) if (allowed > -np.inf).any() else 0.0
    return lp + strength * (np.exp(lp) - p_contrast)


def contrastive_decoding(main, contrast, strength=0.5, plausibility=0.1, formulation="obrien", amateur_temperature=1.0):
    if formulation == "obrien":
        scores = cad(main, contrast, strength)
    else:
        with np.errstate(invalid="ignore"):
            scores = log_softmax(main) - log_softmax(_allowed(main, _finite(contrast) / amateur_temperature))
    return mask(scores, main, plausibility)


def dexperts(main, contrast, strength=1.0, plausibility=0.1):
    expert, anti = (_finite(view) for view in contrast)
    return mask(main + strength * (expert - anti), main, plausibility)


def weighted_sum(main, contrast, weights=(-0.5,), main_weight=1.5, plausibility=0.1):
    contrasts = contrast if contrast.ndim > 1 else contrast[None]
    total = main_weight * main + sum(weight * _finite(view) for weight, view in zip(weights, contrasts, strict=True))
    return mask(total, main, plausibility)


def jensen_shannon(p, q):
    total = 0.0
    for a, b in zip(p, q, strict=True):
        m = (a + b) / 2
        total += (a * np.log(a / m) if a > 0 else 0.0) / 2 + (b * np.log(b / m) if b > 0 else 0.0) / 2
    return total


def dola(main, contrast, plausibility=0.1):
    return mask(log_softmax(main) - log_softmax(_finite(contrast)), main, plausibility)


def bounded_divergence(main, contrast, k):
    total = 0.0
    allowed = _allowed(main, contrast)
    q_log = log_softmax(allowed) if (allowed > -np.inf).any() else allowed
    for p, q in zip(np.exp(log_softmax(main)), np.exp(q_log), strict=True):
        total += (p + q) / 2 * np.log2(abs(p - q) ** k + 1)
    return total


def code(main, contrast, k=0.3):
    divergence = bounded_divergence(main, contrast, k)
    return mask(cad(main, contrast, 1 - divergence), main, divergence)


def ritual(main, contrast, strength=3.0, plausibility=0.1, normalize=False):
    total = main + strength * _finite(contrast)
    return mask(total / (1 + strength if normalize else 1), main, plausibility)


def vcd(main, contrast, strength=1.0, plausibility=0.1):
    return mask(cad(main, contrast, strength), main, plausibility)


def m3id(main, contrast, step, decay=0.02, gate=0.3, plausibility=0.0, max_weight=10.0, offset=0):
    forgotten = np.exp(-decay * (step + offset))
    max_weight = np.inf if max_weight is None else max_weight
    weight = (
        min((1 - forgotten) / forgotten, max_weight) if gate >= 1 or np.exp(log_softmax(main)).max() < gate else 0.0
    )
    return mask(cad(main, contrast, weight), main, plausibility)
