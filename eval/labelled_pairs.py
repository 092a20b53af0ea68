"""Labelled pairs of premise and hypothesis: reading, splitting by premise, weights, and the threshold that fits."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .dataset import Dataset

THREE_WAY = ("entailment", "neutral", "contradiction")
LABELS = (*THREE_WAY, "supported", "not_supported")


@dataclass(frozen=True)
class LabelledPair:
    """A premise, a hypothesis, and what people said of them.

    Args:
        premise: The premise.
        hypothesis: The hypothesis.
        label: `entailment`, `neutral` or `contradiction`; or `supported` or `not_supported` if the source does not tell
            neutral from contradiction.
        source: Data set the pair is from.
    """

    premise: str
    hypothesis: str
    label: str
    source: str

    @property
    def supported(self) -> bool:
        """Return whether the premise supports the hypothesis, by the label."""
        return self.label in ("entailment", "supported")


def read_pairs(data: Path | Dataset) -> list[LabelledPair]:
    """Return the pairs of JSON lines with the fields premise, hypothesis, label and source.

    Raises:
        ValueError: A line is no JSON object, lacks a field or has an unknown label; the message names the line.
    """
    dataset = Dataset.read(data) if isinstance(data, Path) else data
    return dataset.records("a labelled pair (`premise`, `hypothesis`, `label`, `source`)", _pair)


def by_source(pairs: Iterable[LabelledPair]) -> dict[str, list[LabelledPair]]:
    """Return the pairs of each source, sources in alphabetical order."""
    groups: dict[str, list[LabelledPair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.source].append(pair)
    return dict(sorted(groups.items()))


def hold_out(
    pairs: Sequence[LabelledPair], per_source: int, seed: int
) -> tuple[list[LabelledPair], list[LabelledPair]]:
    """Split by premise: return `(kept, held out)`, with about `per_source` pairs of each source held out.

    No premise stands in both. Whole premises go, in an order drawn from `seed` and the text alone, until a source has
    its number; a premise that would overshoot it by more than half is passed over.
    """
    held: set[str] = set()
    for group in by_source(pairs).values():
        sizes: dict[str, int] = defaultdict(int)
        for pair in group:
            sizes[pair.premise] += 1
        wanted = min(per_source, len(group) // 5)
        order = sorted(sizes, key=lambda text: hashlib.sha256(f"{seed}:{text}".encode()).digest())
        for premise in order:
            if wanted > 0 and sizes[premise] <= 1.5 * wanted:
                held.add(premise)
                wanted -= sizes[premise]
    return [pair for pair in pairs if pair.premise not in held], [pair for pair in pairs if pair.premise in held]


def folds(pairs: Sequence[LabelledPair], n: int) -> Iterator[tuple[list[LabelledPair], list[LabelledPair]]]:
    """Yield `(others, part)` for `n` parts of about the same size that share no premise and together are `pairs`.

    Parts without a pair are left out. Which part a premise is in depends on its text alone.
    """
    order = sorted({pair.premise for pair in pairs}, key=lambda text: hashlib.sha256(text.encode()).digest())
    number = {premise: place % n for place, premise in enumerate(order)}
    for each in range(min(n, len(order))):
        part = [pair for pair in pairs if number[pair.premise] == each]
        yield [pair for pair in pairs if number[pair.premise] != each], part


def even_weights(truth: ArrayLike, groups: Sequence[str]) -> NDArray[np.float64]:
    """Return a weight a pair by which each group counts the same, and in it the supported as much as the others; sum 1.

    Pairs of a group in which one side is missing weigh nothing.
    """
    truth, names = np.asarray(truth, dtype=bool), np.asarray(groups)
    weights = np.zeros(len(truth))
    for name in np.unique(names):
        sides = [(names == name) & (truth == side) for side in (True, False)]
        if all(side.any() for side in sides):
            for side in sides:
                weights[side] = 1 / side.sum()
    return weights / weights.sum() if weights.any() else weights


def balanced_accuracy(truth: ArrayLike, verdict: ArrayLike) -> float:
    """Return the mean of the shares judged rightly among the supported and among the others; NaN if a side is empty."""
    truth, verdict = np.asarray(truth, dtype=bool), np.asarray(verdict, dtype=bool)
    if truth.all() or not truth.any():
        return float("nan")
    return float((verdict[truth].mean() + (~verdict[~truth]).mean()) / 2)


def threshold(probability: ArrayLike, truth: ArrayLike, sources: Sequence[str]) -> float:
    """Return the threshold of greatest mean balanced accuracy over the sources.

    Figures of neighbouring thresholds differ by chance, so the middle is taken of those within a tenth of a per cent of
    the best.
    """
    probability, truth = np.asarray(probability), np.asarray(truth, dtype=bool)
    weights = even_weights(truth, sources)
    candidates = np.linspace(0.05, 0.95, 181)
    gains = np.array([(weights * ((probability >= t) == truth)).sum() for t in candidates])
    return round(float(np.median(candidates[gains >= gains.max() - 0.001])), 3)


def _pair(_: int, record: Mapping[str, Any]) -> LabelledPair:
    pair = LabelledPair(*(record[name] for name in ("premise", "hypothesis", "label", "source")))
    if pair.label not in LABELS:
        raise ValueError(f"`label` has to be one of {', '.join(LABELS)}, but is {pair.label!r}")
    return pair
