"""Labelled pairs: reading them, and holding some out by premise."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

THREE_WAY = ("entailment", "neutral", "contradiction")
LABELS = (*THREE_WAY, "supported", "not_supported")


@dataclass(frozen=True)
class LabelledPair:
    """A premise, a hypothesis, and what people said of them.

    Args:
        label: `entailment`, `neutral` or `contradiction`; or `supported` or `not_supported` where the source does not
            tell neutral from contradiction.
        source: Data set the pair is from.
    """

    premise: str
    hypothesis: str
    label: str
    source: str

    @property
    def supported(self) -> bool:
        """Whether the label says that the premise supports the hypothesis."""
        return self.label in ("entailment", "supported")


def read_pairs(path: str | Path) -> list[LabelledPair]:
    """Reads a JSONL file with the fields premise, hypothesis, label and source.

    Raises:
        ValueError: A line is no JSON object, lacks a field or has an unknown label; the message names the line.
    """
    pairs = []
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                fields = json.loads(line)
                pair = LabelledPair(*(fields[name] for name in ("premise", "hypothesis", "label", "source")))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: not a labelled pair ({error!r})") from error
            if pair.label not in LABELS:
                raise ValueError(
                    f"{path}, line {number}: `label` has to be one of {', '.join(LABELS)}, but is {pair.label!r}"
                )
            pairs.append(pair)
    return pairs


def by_source(pairs: Iterable[LabelledPair]) -> dict[str, list[LabelledPair]]:
    """The pairs of each source, sources in alphabetical order."""
    groups: dict[str, list[LabelledPair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.source].append(pair)
    return dict(sorted(groups.items()))


def hold_out(
    pairs: Sequence[LabelledPair], per_source: int, seed: int
) -> tuple[list[LabelledPair], list[LabelledPair]]:
    """Splits by premise: `(kept, held out)`, with about `per_source` pairs of each source held out.

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
