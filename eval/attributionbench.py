"""AttributionBench (Li et al., Findings of ACL 2024, arXiv 2402.15089): is a claim attributable to its references?

The data set's files as JSON lines: `claim`, `references`, `attribution_label`, `src_dataset`, and `question` and `id`
where they are given. The premise is the references joined by three newlines, the hypothesis the claim alone (the
variant without the question, which the published zero-shot entailment figures use). What the model decodes counts where
it decodes a label; else its probability at its threshold. Its three or four verdicts are two here: only "supported" is
attributable. A claim with no word of reference is not attributable and is not asked for; the HAGRID part has such
claims, a few of them labelled attributable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from counterfoil.attribution.entailment import EntailmentModel, Judgement
from counterfoil.attribution.entailment.thresholds import supports
from counterfoil.attribution.metrics import attributionbench as metric
from numpy.typing import NDArray

from .attributionbench_claims import Claim, read_claims
from .confusions import figures, interval, resampled
from .dataset import Source, limited
from .engines.judge import recorded, watched
from .judged import Judged
from .requests import Progress
from .results import Figure, markdown

NAME = "attributionbench"
VERSION = 1
FIGURES = (
    "macro_f1",
    "accuracy",
    "false_positive_share",
    "false_negative_share",
    "false_positive_rate",
    "false_negative_rate",
)


@dataclass(frozen=True)
class Row:
    """A line of the table: a subset, a mean of subsets, or all; a figure that is not defined is not in it."""

    label: str
    figures: dict[str, Figure]
    n: int
    n_unparsed: int


@dataclass(frozen=True)
class Benchmark:
    """What was found.

    Args:
        rows: Every subset, then the means in and out of domain where all their subsets have verdicts, then all claims
            together (the original script's "all", which is not a mean of subsets).
        samples: What was said of each claim.
        n_unparsed: Claims without a verdict: they are in no figure but `macro_f1_with_unparsed`.
        notes: What a reader has to know.
    """

    rows: tuple[Row, ...]
    samples: tuple[dict[str, Any], ...]
    n_unparsed: int
    notes: tuple[str, ...]

    def table(self) -> list[list[str]]:
        """The table as text, its head first."""
        head = ["subset", "claims", *(name.replace("_", " ") for name in FIGURES), "not checked"]
        rows = [
            [
                row.label,
                str(row.n),
                *(str(row.figures.get(name, Figure(None))) for name in FIGURES),
                str(row.n_unparsed),
            ]
            for row in self.rows
        ]
        return [head, *rows]

    def recorded(self) -> list[dict[str, Any]]:
        """The rows for JSON."""
        return [
            {
                "subset": row.label,
                "n": row.n,
                "n_unparsed": row.n_unparsed,
                "figures": {
                    name: {"value": figure.value, "interval": figure.interval and asdict(figure.interval)}
                    for name, figure in row.figures.items()
                },
            }
            for row in self.rows
        ]


def evaluate(model: EntailmentModel, claims: Sequence[Claim], *, seed: int = 0) -> Benchmark:
    """Judges every claim, and gives each subset, both means and all claims together.

    Args:
        model: Any entailment model.
        claims: The claims.
        seed: Of the bootstrap: questions are drawn whole, each subset for itself.
    """
    asked = [claim for claim in claims if claim.pair.premise.strip()]
    judgements = dict(zip(asked, model.judge([claim.pair for claim in asked]), strict=True))
    verdicts = [_verdict(claim, judgements.get(claim), model.threshold) for claim in claims]
    found = metric.attributionbench(verdicts)
    draws = {}
    for number, name in enumerate(found.subsets):
        chosen = [(claim.group, v) for claim, v in zip(claims, verdicts, strict=True) if v.subset == name]
        draws[name] = resampled([group for group, _ in chosen], [v for _, v in chosen], (seed, number))
    rows = [_row(name, score, figures(draws[name])) for name, score in found.subsets.items()]
    for label, names, mean in (
        ("in domain", metric.IN_DOMAIN, found.in_domain),
        ("out of domain", metric.OUT_OF_DOMAIN, found.out_of_domain),
    ):
        if mean is not None and all(found.subsets[name].n > found.subsets[name].n_unparsed for name in names):
            of_draws = np.mean([figures(draws[name])["macro_f1"] for name in names], axis=0)
            some = [found.subsets[name] for name in names]
            macro_f1 = {"macro_f1": Figure(mean, interval(of_draws))}
            rows.append(Row(label, macro_f1, sum(s.n for s in some), sum(s.n_unparsed for s in some)))
    rows.append(_row("all claims", found.pooled, figures(np.sum(list(draws.values()), axis=0))))
    return Benchmark(
        rows=tuple(rows),
        samples=tuple(_sample(claim, judgements.get(claim), v) for claim, v in zip(claims, verdicts, strict=True)),
        n_unparsed=found.pooled.n_unparsed,
        notes=_notes(found, len(claims) - len(asked)),
    )


def evaluate_file(
    file: Path, model: EntailmentModel, *, limit: int | None = None, seed: int = 0, progress: Progress | None = None
) -> Judged:
    """What :func:`evaluate` finds on a file of the data set.

    Args:
        file: JSON lines.
        model: Any entailment model.
        limit: How many claims, drawn by `seed`; all by default.
        seed: Of the draw and of the bootstrap.
        progress: Told how many pairs are judged.

    Raises:
        ValueError: A line is no claim.
    """
    source = Source.read(file)
    claims = limited(read_claims(source), limit, seed)
    found = evaluate(watched(model, progress), claims, seed=seed)
    title = f"{NAME} (version {VERSION}), {len(claims)} claims of {source.name}, {model.name}"
    notes = "".join(f"\nNote: {note}" for note in found.notes)
    return Judged(
        text=f"{title}\n\n{markdown(found.table())}\n\n[low, high]: 95% interval, questions drawn whole{notes}",
        recorded=recorded(
            task=NAME, task_version=VERSION, model=model, source=source, n=len(claims),
            settings={"limit": limit, "seed": seed}, found={"rows": found.recorded()}, notes=found.notes,
        ),
        samples=found.samples,
        unchecked=found.n_unparsed,
    )  # fmt: skip


def _verdict(claim: Claim, judgement: Judgement | None, threshold: float) -> metric.Verdict:
    if judgement is None:
        predicted = False
    elif judgement.failure is not None:
        predicted = None
    else:
        predicted = supports(judgement, threshold) if judgement.decided is None else judgement.decided
    return metric.Verdict(claim.subset, claim.attributable, predicted)


def _row(label: str, score: metric.SubsetScore, draws: dict[str, NDArray[np.float64]]) -> Row:
    if score.n == score.n_unparsed:
        return Row(label, {}, score.n, score.n_unparsed)
    shown = {name: Figure(getattr(score, name), interval(draws[name])) for name in FIGURES}
    shown["macro_f1_with_unparsed"] = Figure(score.macro_f1_with_unparsed)
    return Row(label, shown, score.n, score.n_unparsed)


def _sample(claim: Claim, judgement: Judgement | None, verdict: metric.Verdict) -> dict[str, Any]:
    return {
        "id": claim.id,
        "subset": claim.subset,
        "claim": claim.claim,
        "attributable": claim.attributable,
        "predicted": verdict.predicted,
        "probability": judgement and judgement.supported,
        "reason": judgement and judgement.reason,
        "failure": judgement and judgement.failure,
    }


def _notes(found: metric.AttributionBench, n_blank: int) -> tuple[str, ...]:
    notes = []
    if n_blank:
        notes.append(f"{n_blank} claim(s) without a word of reference count as not attributable.")
    if found.pooled.n_unparsed:
        notes.append(
            f"{found.pooled.n_unparsed} claim(s) got no verdict and are in no figure; counted as mistakes, as the "
            f"original does, macro F1 over all claims is {found.pooled.macro_f1_with_unparsed:.3f}."
        )
    known = {*metric.IN_DOMAIN, *metric.OUT_OF_DOMAIN}
    strange = [name for name in found.subsets if name not in known]
    if strange:
        notes.append(f"Not a subset of the benchmark, so in neither mean: {', '.join(strange)}.")
    return tuple(notes)
