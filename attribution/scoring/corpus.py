"""Citation recall, precision and F1 of a corpus: means over answers, and how sure they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..statistics import Comparison, Interval, interval, paired_test
from .results import CitationReport, harmonic, mean


@dataclass(frozen=True)
class CorpusReport:
    """Figures of a corpus.

    Args:
        mode: How the answers were scored.
        entailment: Name of the entailment model.
        threshold: From which probability on it counts as support.
        recalls: Recall of every answer, in order; `None` where there is no figure.
        precisions: Precision likewise.
        counts: Sums over all answers of :attr:`~counterfoil.attribution.scoring.results.CitationReport.counts`.
        n_unread: Number of answers that could not be read.
    """

    mode: str
    entailment: str
    threshold: float
    recalls: tuple[float | None, ...]
    precisions: tuple[float | None, ...]
    counts: dict[str, int]
    n_unread: int = 0

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """Recall and precision of the answers that have both."""
        both = zip(self.recalls, self.precisions, strict=True)
        return [(r, p) for r, p in both if r is not None and p is not None]

    @property
    def n_answers(self) -> int:
        """Number of answers, with or without figures."""
        return len(self.recalls)

    @property
    def n_counted(self) -> int:
        """Number of answers that the means take in."""
        return len(self.pairs)

    @property
    def recall(self) -> float | None:
        """Unweighted mean over the answers counted."""
        return mean([recall for recall, _ in self.pairs])

    @property
    def precision(self) -> float | None:
        """Unweighted mean over the answers counted."""
        return mean([precision for _, precision in self.pairs])

    @property
    def mean_f1(self) -> float | None:
        """Mean of the answers' F1, as LongCite and SelfCite report it."""
        return mean(self.f1s)

    @property
    def f1_of_means(self) -> float | None:
        """F1 of the mean recall and the mean precision; not the same figure as :attr:`mean_f1`."""
        return f1_of_means([r for r, _ in self.pairs], [p for _, p in self.pairs])

    @property
    def f1s(self) -> list[float]:
        """F1 of the answers counted."""
        return [harmonic(recall, precision) for recall, precision in self.pairs]

    def intervals(self, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> dict[str, Interval | None]:
        """Bootstrap intervals over answers of `recall`, `precision`, `mean_f1` and `f1_of_means`.

        Raises:
            ImportError: Without scipy; the message has the `pip install` line.
        """
        recalls, precisions = [r for r, _ in self.pairs], [p for _, p in self.pairs]
        options = {"level": level, "resamples": resamples, "seed": seed}
        return {
            "recall": interval(_mean, recalls, **options),
            "precision": interval(_mean, precisions, **options),
            "mean_f1": interval(_mean, self.f1s, **options),
            "f1_of_means": interval(f1_of_means, recalls, precisions, **options),
        }


def summarise(reports: Iterable[CitationReport | None]) -> CorpusReport:
    """The corpus of `reports`, which may be a stream: only two numbers of each are kept.

    `None` stands for an answer that could not be read: it has a place, so that two corpora can be compared answer by
    answer, but no figures.

    Raises:
        ValueError: Where the answers were not all scored in the same way.
    """
    settings: set[tuple[str, str, float]] = set()
    recalls: list[float | None] = []
    precisions: list[float | None] = []
    counts: Counter[str] = Counter()
    n_unread = 0
    for report in reports:
        if report is None:
            n_unread += 1
            recalls.append(None)
            precisions.append(None)
            continue
        settings.add((report.mode, report.entailment, report.threshold))
        recalls.append(report.recall if report.counted else None)
        precisions.append(report.precision if report.counted else None)
        counts.update(report.counts)
    if len(settings) > 1:
        raise ValueError(f"`reports` have to be scored in one way, but are in {len(settings)}: {sorted(settings)}")
    mode, entailment, threshold = settings.pop() if settings else ("", "", 0.0)
    return CorpusReport(mode, entailment, threshold, tuple(recalls), tuple(precisions), dict(counts), n_unread)


def compare(one: CorpusReport, other: CorpusReport, *, seed: int = 0) -> dict[str, Comparison]:
    """`one` against `other` on the same answers in the same order, by recall, precision and mean F1.

    Answers without a figure in either corpus are left out of both.

    Raises:
        ValueError: Where the corpora have different numbers of answers or no answer with figures in both.
        ImportError: Without scipy; the message has the `pip install` line.
    """
    if one.n_answers != other.n_answers:
        raise ValueError(
            f"two corpora have to have the same answers to be compared, but have {one.n_answers} and {other.n_answers}"
        )
    rows = zip(one.recalls, one.precisions, other.recalls, other.precisions, strict=True)
    full = [(a, b, c, d) for a, b, c, d in rows if None not in (a, b, c, d)]
    columns: Sequence[tuple[float, ...]] = list(zip(*full, strict=True)) if full else [()] * 4  # type: ignore[assignment]
    f1s = [[harmonic(r, p) for r, p in zip(*columns[n : n + 2], strict=True)] for n in (0, 2)]
    return {
        "recall": paired_test(columns[0], columns[2], seed=seed),
        "precision": paired_test(columns[1], columns[3], seed=seed),
        "mean_f1": paired_test(f1s[0], f1s[1], seed=seed),
    }


def f1_of_means(recalls: Sequence[float], precisions: Sequence[float]) -> float | None:
    """Harmonic mean of the two means; `None` of nothing."""
    return harmonic(_mean(recalls), _mean(precisions)) if len(recalls) else None


def _mean(values: Sequence[float]) -> float:
    return float(sum(values)) / len(values)
