"""The figures of a corpus on the terminal; plain text where standard output is no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from counterfoil.attribution.scoring.corpus import CorpusReport
    from counterfoil.attribution.statistics import Comparison, Interval

NAMES = {
    "recall": "Citation recall",
    "precision": "Citation precision",
    "mean_f1": "F1, mean over answers",
    "f1_of_means": "F1 of the two means",
}

STATUSES = (
    "supported",
    "partially_supported",
    "not_supported",
    "contradicted",
    "no_citation",
    "invalid_citation",
    "not_checked",
)


def print_figures(
    corpus: CorpusReport,
    intervals: Mapping[str, Interval | None],
    compared: Mapping[str, Comparison] | None,
    console: Console | None = None,
) -> None:
    """Prints the figures with their intervals, the counts, and the comparison where there is one."""
    # The name of a model may hold brackets, which mean nothing here.
    out = console or Console(highlight=False, markup=False)
    table = Table("", "value", "interval", box=None, pad_edge=False)
    for name, title in NAMES.items():
        table.add_row(title, _number(getattr(corpus, name)), _range(intervals.get(name)))
    out.print(table)
    counts = corpus.counts
    out.print(
        f"{corpus.n_counted} of {corpus.n_answers} answers counted, {counts.get('statements', 0)} statements: "
        + ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in STATUSES if counts.get(name)),
        soft_wrap=not out.is_terminal,
    )
    out.print(f"{counts.get('citations', 0)} citations, {counts.get('citations_invalid', 0)} of no document")
    out.print(
        f"mode {corpus.mode or '-'}, entailment {corpus.entailment or '-'}, threshold {corpus.threshold:g}",
        soft_wrap=True,
    )
    for name, found in (compared or {}).items():
        interval = _range(found.interval)
        out.print(
            f"Difference in {NAMES[name]}: {found.difference:+.3f} {interval} p = {found.p_value:.4f}, "
            f"{found.n} answers",
            soft_wrap=True,
        )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"
