"""Citation recall, precision and F1 of a corpus: means over answers, with intervals and paired comparisons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..statistics import (
    LEVEL,
    RESAMPLES,
    Comparison,
    Interval,
    Reliability,
    bootstrap,
    corrected_share,
    f1,
    mean,
    mean_of,
    paired_test,
    proportions,
)
from ..text.statements import Status
from .results import CitationReport

if TYPE_CHECKING:
    from ..statistics import Floats


NOTATIONS_TOLD = 5
"""So many notations of citations that were not read are named."""

_DIGITS = re.compile(r"\w*\d+")

JUDGED = frozenset({Status.SUPPORTED, Status.PARTIALLY_SUPPORTED, Status.NOT_SUPPORTED, Status.CONTRADICTED})
"""Verdicts of the judge; the others are given without it."""


@dataclass(frozen=True)
class CorpusReport:
    """Figures of a corpus.

    Args:
        mode: How the answers were scored.
        entailment: Name of the entailment model.
        threshold: From which probability on it counts as support.
        recalls: Recall of every answer, in order; `None` if there is no figure.
        precisions: Precision likewise.
        counts: Sums over all answers of :attr:`~counterfoil.attribution.scoring.results.CitationReport.counts`.
        n_unread: Number of answers that could not be read.
        ids: The id of every answer, in order; empty for one without an id, or that could not be read.
        groundednesses: Groundedness of every answer, in order; `None` if there is no figure.
        supports: By answer, how many statements the judge called supported, and how many it judged at all.
        unread: The first of what looks like a citation but was not read as one, each notation once.
    """

    mode: str
    entailment: str
    threshold: float
    recalls: tuple[float | None, ...]
    precisions: tuple[float | None, ...]
    counts: dict[str, int]
    n_unread: int = 0
    ids: tuple[str, ...] = ()
    groundednesses: tuple[float | None, ...] = ()
    supports: tuple[tuple[int, int], ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def supported_share(self) -> float | None:
        """Return the share of the judged statements that were called supported; `None` if none was judged."""
        judged = sum(of for _, of in self.supports)
        return sum(part for part, _ in self.supports) / judged if judged else None

    def corrected_share(self, reliability: Reliability, level: float = LEVEL) -> tuple[float, Interval] | None:
        """Return that share with the judge's errors taken out, and its interval; see
        :func:`~counterfoil.attribution.statistics.corrected_share`."""
        parts, wholes = zip(*self.supports, strict=True) if self.supports else ((), ())
        return corrected_share(parts, wholes, reliability, level=level)

    @property
    def groundedness(self) -> float | None:
        """Return the unweighted mean over the answers that have it; `None` if none has."""
        return mean([each for each in self.groundednesses if each is not None])

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """Return recall and precision of the answers that have both."""
        both = zip(self.recalls, self.precisions, strict=True)
        return [(r, p) for r, p in both if r is not None and p is not None]

    @property
    def n_answers(self) -> int:
        """Return the number of answers, with or without figures."""
        return len(self.recalls)

    @property
    def n_counted(self) -> int:
        """Return the number of answers that the means take in."""
        return len(self.pairs)

    @property
    def recall(self) -> float | None:
        """Return the unweighted mean over the answers counted."""
        return mean([recall for recall, _ in self.pairs])

    @property
    def precision(self) -> float | None:
        """Return the unweighted mean over the answers counted."""
        return mean([precision for _, precision in self.pairs])

    @property
    def mean_f1(self) -> float | None:
        """Return the mean of the answers' F1, as LongCite and SelfCite report it."""
        return mean(self.f1s)

    @property
    def f1_of_means(self) -> float | None:
        """Return F1 of the mean recall and the mean precision; not the same figure as :attr:`mean_f1`."""
        recall, precision = self.recall, self.precision
        return None if recall is None or precision is None else f1(recall, precision)

    @property
    def f1s(self) -> list[float]:
        """Return F1 of the answers counted."""
        return [f1(recall, precision) for recall, precision in self.pairs]

    def intervals(self, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval | None]:
        """Return bootstrap intervals over answers of the corpus's figures, by name."""
        recall, precision = mean_of([r for r, _ in self.pairs]), mean_of([p for _, p in self.pairs])

        def f1_of_means(weights: Floats) -> Floats:
            r, p = recall(weights), precision(weights)
            return proportions(2 * r * p, r + p)

        figures = {
            "recall": recall,
            "precision": precision,
            "mean_f1": mean_of(self.f1s),
            "f1_of_means": f1_of_means,
        }
        found = bootstrap(figures, self.n_counted, level=level, resamples=resamples, seed=seed)
        grounded = [each for each in self.groundednesses if each is not None]
        if not grounded:
            return found
        own = {"groundedness": mean_of(grounded)}
        return {**found, **bootstrap(own, len(grounded), level=level, resamples=resamples, seed=seed)}


def summarise(reports: Iterable[CitationReport | None]) -> CorpusReport:
    """Return the corpus of `reports`, which may be a stream: only the id and five numbers of each are kept.

    `None` stands for an answer that could not be read: it has a place, so that two corpora can be compared answer by
    answer, but no figures.

    Raises:
        ValueError: If the answers were not all scored in the same way.
    """
    settings: set[tuple[str, str, float]] = set()
    rows: list[tuple[str, float | None, float | None, float | None, tuple[int, int]]] = []
    counts: Counter[str] = Counter()
    notations: dict[str, str] = {}
    for report in reports:
        if report is None:
            rows.append(("", None, None, None, (0, 0)))
            continue
        settings.add((report.mode, report.entailment, report.threshold))
        recall, precision = (report.recall, report.precision) if report.counted else (None, None)
        judged = [statement.status for statement in report.statements if statement.status in JUDGED]
        supports = (judged.count(Status.SUPPORTED), len(judged))
        rows.append((report.id, recall, precision, report.groundedness, supports))
        counts.update(report.counts)
        for written in report.unread if len(notations) < NOTATIONS_TOLD else ():
            notations.setdefault(_DIGITS.sub("0", written), written)
        counts.update(read=1)
    if len(settings) > 1:
        raise ValueError(f"`reports` have to be scored in one way, but are in {len(settings)}: {sorted(settings)}")
    mode, entailment, threshold = settings.pop() if settings else ("", "", 0.0)
    n_unread = len(rows) - counts.pop("read", 0)
    ids, recalls, precisions, grounded, supports = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    unread = tuple(notations.values())[:NOTATIONS_TOLD]
    return CorpusReport(
        mode, entailment, threshold, recalls, precisions, dict(counts), n_unread, ids, grounded, supports, unread
    )


def compare(one: CorpusReport, other: CorpusReport, *, seed: int = 0) -> dict[str, Comparison]:
    """Test `one` against `other` on the same answers, by recall, precision and mean F1.

    Answers are paired by their ids if every answer that was read has one and no id occurs twice; otherwise by position.
    Answers without a figure in either corpus are left out of both.

    Raises:
        ValueError: If the corpora hold different answers, or no answer has figures in both.
        ImportError: Without scipy; the message has the `pip install` line.
    """
    full = [(one.recalls[a], one.precisions[a], other.recalls[b], other.precisions[b]) for a, b in _paired(one, other)]
    rows = [(a, b, c, d) for a, b, c, d in full if None not in (a, b, c, d)]
    columns: Sequence[tuple[float, ...]] = list(zip(*rows, strict=True)) if rows else [()] * 4  # type: ignore[assignment]
    f1s = [[f1(r, p) for r, p in zip(*columns[n : n + 2], strict=True)] for n in (0, 2)]
    return {
        "recall": paired_test(columns[0], columns[2], seed=seed),
        "precision": paired_test(columns[1], columns[3], seed=seed),
        "mean_f1": paired_test(f1s[0], f1s[1], seed=seed),
    }


def _paired(one: CorpusReport, other: CorpusReport) -> list[tuple[int, int]]:
    """Return the positions of the same answer in both corpora."""
    first, second = _positions(one), _positions(other)
    if first is not None and second is not None:
        for name, here, there, unread in (
            ("second", first, second, other.n_unread),
            ("first", second, first, one.n_unread),
        ):
            missing = [id_ for id_ in here if id_ not in there]
            # A record that could not be read has lost its id, so as many may be missing without a mistake.
            if len(missing) > unread:
                raise ValueError(
                    f"two corpora have to have the same answers to be compared, but the {name} lacks "
                    f"{len(missing)} ids of the other, among them {missing[0]!r}"
                )
        return [(place, second[id_]) for id_, place in first.items() if id_ in second]
    if one.n_answers != other.n_answers:
        raise ValueError(
            f"two corpora have to have the same answers to be compared, but have {one.n_answers} and {other.n_answers}"
        )
    for place, (a, b) in enumerate(zip(one.ids, other.ids, strict=False), start=1):
        if a and b and a != b:
            raise ValueError(
                f"two corpora have to have the same answers to be compared, but answer {place} is {a!r} in the first "
                f"and {b!r} in the second; give every answer an id of its own to have them paired by id"
            )
    return [(place, place) for place in range(one.n_answers)]


def _positions(corpus: CorpusReport) -> dict[str, int] | None:
    """Return the position of each id; `None` if an answer that was read has none, or if two have the same."""
    found = {id_: place for place, id_ in enumerate(corpus.ids) if id_}
    return found if found and len(found) == corpus.n_answers - corpus.n_unread else None
