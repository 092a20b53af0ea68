"""Fits the factors of the detail check: how much a finding of each kind lowers the odds of support.

    python -m training.entailment.detail_factors pairs.jsonl [more.jsonl] --json factors.json

A logistic regression of the human label on the findings, beside the judge's own log odds, with a normal prior around a
factor of 0.1. Half of the premises are fitted on; the other half is measured, with the factors of the package and the
fitted ones. What is printed is looked at before it goes into `attribution/detail_check/data/factors.json`: there no
factor is above 0.1, and kinds with fewer than five findings are set by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from counterfoil.attribution import Pair, load_entailment
from counterfoil.attribution.detail_check import FindingKind
from counterfoil.attribution.entailment.detail_checked import SUREST, factors, with_details
from counterfoil.eval.labelled_pairs import balanced_accuracy, read_pairs
from scipy.optimize import minimize

PRIOR, DEVIATION = 0.1, 1.0
"""Factor around which the prior lies, and its standard deviation in log odds."""

KINDS = [kind for kind in FindingKind if kind is not FindingKind.UNSUPPORTED]


def fitted(
    counts: np.ndarray, log_odds: np.ndarray, truth: np.ndarray, *, prior: float = PRIOR, deviation: float = DEVIATION
) -> np.ndarray:
    """Return the factor of each kind of finding, the maximum a posteriori.

    Args:
        counts: Findings of each kind, `[pairs, kinds]`.
        log_odds: The judge's log odds of support above its threshold, `[pairs]`.
        truth: Whether each pair is supported, `[pairs]`.
        prior: Factor around which the normal prior of the log factors lies.
        deviation: Its standard deviation.
    """
    center = np.full(counts.shape[1], np.log(prior))

    def loss(weights: np.ndarray) -> float:
        scores = log_odds + counts @ weights
        misfit = np.logaddexp(0, scores) - truth * scores
        return float(misfit.sum() + 0.5 * (((weights - center) / deviation) ** 2).sum())

    return np.exp(minimize(loss, center).x)


def counted(findings: Sequence[Sequence[str]]) -> np.ndarray:
    """Return how many findings of each kind each pair has, `[pairs, kinds]`."""
    return np.array([[sum(kind == each for each in some) for kind in KINDS] for some in findings], dtype=float)


def lowered(log_odds: np.ndarray, counts: np.ndarray, by_kind: Mapping[str, float]) -> np.ndarray:
    """Return the log odds that findings leave."""
    return log_odds + counts @ np.log([by_kind[kind] for kind in KINDS])


def first_half(premise: str) -> bool:
    """Return whether a premise is fitted on: half of them are, whatever the files."""
    return hashlib.sha256(premise.encode()).digest()[0] % 2 == 0


def main() -> None:
    """Fit, print the measure by both sets of factors, and write the fitted ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for path in options.pairs for row in read_pairs(path)]
    judge = load_entailment("local")
    pairs = [Pair(row.premise, row.hypothesis) for row in rows]
    judged = [(row, pair, j) for row, pair, j in zip(rows, pairs, judge.judge(pairs), strict=True) if not j.failure]
    findings = [[each.kind for each in with_details(judgement, pair).details] for _, pair, judgement in judged]
    counts = counted(findings)
    support = np.clip([judgement.supported or 0.0 for _, _, judgement in judged], 1 - SUREST, SUREST)
    log_odds = np.log(support / (1 - support)) - np.log(judge.threshold / (1 - judge.threshold))
    truth = np.array([row.supported for row, _, _ in judged])
    fit = np.array([first_half(row.premise) for row, _, _ in judged])
    found = fitted(counts[fit], log_odds[fit], truth[fit])
    by_kind = {kind.value: round(float(factor), 3) for kind, factor in zip(KINDS, found, strict=True)}
    for kind, n in zip(KINDS, counts[fit].sum(axis=0), strict=True):
        print(f"{kind.value}: {by_kind[kind.value]} on {n:.0f} findings, in the package {factors()[kind]}")
    for name, used in (("package", factors()), ("fitted", by_kind)):
        verdicts = lowered(log_odds, counts, used)[~fit] >= 0
        print(f"balanced accuracy on the other half, {name}: {balanced_accuracy(truth[~fit], verdicts):.3f}")
    if options.json:
        options.json.write_text(json.dumps({"factors": by_kind}, indent=2))


if __name__ == "__main__":
    main()
