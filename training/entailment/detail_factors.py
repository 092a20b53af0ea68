"""Fits the factors of the detail check: how much a finding of each kind lowers the odds of support.

    python -m training.entailment.detail_factors pairs.jsonl [more.jsonl] --json factors.json

A logistic regression of the human label on the findings, beside the judge's own log odds, with a normal prior around a
factor of 0.1. Each half of the premises is fitted on, and the other half is measured: by the judge alone, with the
factors of the package, and with the fitted ones. What is printed is looked at before it goes into
`attribution/detail_check/data/factors.json`: there no factor is above 0.1, and kinds with fewer than five findings are
set by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from counterfoil.attribution import EntailmentModel, Pair, load_entailment
from counterfoil.attribution.detail_check import FindingKind
from counterfoil.attribution.entailment.detail_checked import SUREST, factors, with_details
from counterfoil.eval.labelled_pairs import LabelledPair, by_source, read_pairs
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

PRIOR, DEVIATION = 0.1, 1.0
"""Factor around which the prior lies, and its standard deviation in log odds."""

WITHOUT = ("details_kept",)
"""Sources that nothing is fitted on: they are looked at once, at the end."""

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


@dataclass(frozen=True)
class Judged:
    """Labelled pairs with the judge's log odds and the findings of the check.

    Args:
        rows: The pairs.
        counts: Findings of each kind, `[pairs, kinds]`.
        log_odds: Of support, above the judge's threshold, `[pairs]`.
    """

    rows: list[LabelledPair]
    counts: np.ndarray
    log_odds: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """Return whether each pair is supported."""
        return np.array([row.supported for row in self.rows])

    def of(self, chosen: np.ndarray) -> Judged:
        """Return some of the pairs."""
        rows = [row for row, one in zip(self.rows, chosen, strict=True) if one]
        return Judged(rows, self.counts[chosen], self.log_odds[chosen])


def drawn(rows: Sequence[LabelledPair], most: int, without: Sequence[str]) -> list[LabelledPair]:
    """Return at most so many pairs of each source, drawn at random, but for some sources."""
    kept = []
    for source, some in by_source(rows).items():
        if source not in without:
            kept += random.Random(0).sample(some, min(most, len(some)))
    return kept


def judged(rows: Sequence[LabelledPair], judge: EntailmentModel) -> Judged:
    """Return the pairs that the judge gives a verdict on, with what it and the check say."""
    pairs = [Pair(row.premise, row.hypothesis) for row in rows]
    found = [(row, pair, j) for row, pair, j in zip(rows, pairs, judge.judge(pairs), strict=True) if not j.failure]
    kinds = [[each.kind for each in with_details(judgement, pair).details] for _, pair, judgement in found]
    support = np.clip([judgement.supported or 0.0 for _, _, judgement in found], 1 - SUREST, SUREST)
    log_odds = np.log(support / (1 - support)) - np.log(judge.threshold / (1 - judge.threshold))
    return Judged([row for row, _, _ in found], counted(kinds), log_odds)


def shares(some: Judged, by_kind: Mapping[str, float]) -> tuple[float, float]:
    """Return sensitivity and specificity with these factors; NaN without such pairs."""
    verdicts = lowered(some.log_odds, some.counts, by_kind) >= 0
    right = verdicts == some.truth
    told = (right[some.truth], right[~some.truth])
    sensitivity, specificity = (float(part.mean()) if len(part) else float("nan") for part in told)
    return sensitivity, specificity


def main() -> None:
    """Fit on each half of the premises, print how the other half fares, and write the factors of the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=1000, help="Pairs of each source, drawn at random.")
    parser.add_argument("--without", nargs="*", default=WITHOUT, help="Sources that are left out.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for path in options.pairs for row in read_pairs(path)]
    everything = judged(drawn(rows, options.most, options.without), load_entailment("local"))
    first = np.array([first_half(row.premise) for row in everything.rows])
    table = Table("source", "half", "supported / other", "judge", "factors of the package", "fitted on the other half")
    written = {}
    for half, name in ((~first, "second"), (first, "first")):
        fit = everything.of(~half)
        found = fitted(fit.counts, fit.log_odds, fit.truth)
        by_kind = {kind.value: round(float(factor), 3) for kind, factor in zip(KINDS, found, strict=True)}
        written = written or by_kind
        for kind, n, wrong in zip(KINDS, fit.counts.sum(axis=0), fit.counts[fit.truth].sum(axis=0), strict=True):
            print(
                f"measured on the {name} half, {kind.value}: {by_kind[kind.value]} on {n:.0f} findings, {wrong:.0f} of "
                f"them on supported pairs; in the package {factors()[kind]}"
            )
        rest = everything.of(half)
        for source in sorted({row.source for row in rest.rows}):
            some = rest.of(np.array([row.source == source for row in rest.rows]))
            cells = []
            for used in (dict.fromkeys(KINDS, 1.0), factors(), by_kind):
                sensitivity, specificity = shares(some, used)
                cells.append(f"{(sensitivity + specificity) / 2:.3f} ({sensitivity:.2f}, {specificity:.2f})")
            table.add_row(source, name, f"{some.truth.sum()} / {(~some.truth).sum()}", *cells)
    print("balanced accuracy (sensitivity, specificity), each half with factors that were fitted on the other")
    Console(width=160).print(table)
    if options.json:
        options.json.write_text(json.dumps({"factors": written}, indent=2))


if __name__ == "__main__":
    main()
