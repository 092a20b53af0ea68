"""AttributionBench (Li et al., Findings of ACL 2024): is a claim attributable to its references?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..statistics import mean, proportion
from .classes import ClassScore, class_score

IN_DOMAIN = ("ExpertQA", "Stanford-GenSearch", "AttributedQA", "LFQA")
OUT_OF_DOMAIN = ("BEGIN", "AttrEval-GenSearch", "HAGRID")


@dataclass(frozen=True)
class Verdict:
    """One example: the subset it is from, whether it is attributable, and what was said of it (`None`: unreadable)."""

    subset: str
    gold: bool
    predicted: bool | None


@dataclass(frozen=True)
class SubsetScore:
    """Figures of one subset, in [0, 1], over the examples with a readable verdict unless said otherwise.

    Args:
        macro_f1: Mean of the F1 of both classes.
        macro_f1_with_unparsed: The same where an unreadable verdict counts as the wrong one, as the original's main
            script has it.
        accuracy: Share of right verdicts.
        attributable: Figures of the class "attributable".
        not_attributable: Figures of the other.
        false_positive_share: Wrongly called attributable, as a share of all examples: the original's column "FP".
        false_negative_share: Wrongly called not attributable, as a share of all examples: its column "FN".
        false_positive_rate: The same as a share of the examples that are not attributable.
        false_negative_rate: The same as a share of those that are.
        n: Number of examples, unreadable ones among them.
        n_unparsed: Number of unreadable ones.
    """

    macro_f1: float
    macro_f1_with_unparsed: float
    accuracy: float
    attributable: ClassScore
    not_attributable: ClassScore
    false_positive_share: float
    false_negative_share: float
    false_positive_rate: float
    false_negative_rate: float
    n: int
    n_unparsed: int


@dataclass(frozen=True)
class AttributionBench:
    """The whole table.

    Args:
        subsets: Figures by subset, in the order of first appearance.
        in_domain: Unweighted mean of `macro_f1` over :data:`IN_DOMAIN`; `None` where one of them is missing.
        out_of_domain: The same over :data:`OUT_OF_DOMAIN`.
        pooled: Figures of all examples together, which the original's script calls "all"; not a mean of subsets.
    """

    subsets: dict[str, SubsetScore]
    in_domain: float | None
    out_of_domain: float | None
    pooled: SubsetScore


def attributionbench(verdicts: Iterable[Verdict]) -> AttributionBench:
    """The table of a list of verdicts."""
    by_subset: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_subset[verdict.subset].append(verdict)
    subsets = {subset: subset_score(some) for subset, some in by_subset.items()}

    def average(names: Sequence[str]) -> float | None:
        return mean([subsets[name].macro_f1 for name in names]) if set(names) <= set(subsets) else None

    everything = [verdict for some in by_subset.values() for verdict in some]
    return AttributionBench(subsets, average(IN_DOMAIN), average(OUT_OF_DOMAIN), subset_score(everything))


def subset_score(verdicts: Sequence[Verdict]) -> SubsetScore:
    """Figures of some verdicts, whatever their subsets."""
    read = [(v.gold, v.predicted) for v in verdicts if v.predicted is not None]
    gold, predicted = [g for g, _ in read], [p for _, p in read]
    punished = [not v.gold if v.predicted is None else v.predicted for v in verdicts]
    attributable, not_attributable = (class_score(gold, predicted, label) for label in (True, False))
    false_positives, false_negatives = read.count((False, True)), read.count((True, False))
    return SubsetScore(
        macro_f1=(attributable.f1 + not_attributable.f1) / 2,
        macro_f1_with_unparsed=sum(
            class_score([v.gold for v in verdicts], punished, label).f1 for label in (True, False)
        )
        / 2,
        accuracy=proportion(len(read) - false_positives - false_negatives, len(read)),
        attributable=attributable,
        not_attributable=not_attributable,
        false_positive_share=proportion(false_positives, len(read)),
        false_negative_share=proportion(false_negatives, len(read)),
        false_positive_rate=proportion(false_positives, not_attributable.support),
        false_negative_rate=proportion(false_negatives, attributable.support),
        n=len(verdicts),
        n_unparsed=len(verdicts) - len(read),
    )


def premise(references: Sequence[str]) -> str:
    """The references as one premise, joined as the benchmark joins them."""
    return "\n\n\n".join(references)
