"""Measures a support model on labelled pairs: `python -m counterfoil.eval.entailment.evaluate FILE [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from counterfoil.attribution.entailment import EntailmentModel, Pair, load_entailment
from sklearn.metrics import roc_auc_score

from ..dataset import Source, limited
from ..engines.judge import recorded, watched
from ..judged import Judged
from ..requests import Progress
from .data import LabelledPair, by_source, read_pairs
from .floors import embedding_cosine, floor_figures, hypothesis_only
from .measures import balanced_accuracy, even_weights, interval, reliability, resampled_balanced_accuracy
from .report import EntailmentReport, SourceFigures

NAME = "entailment"
VERSION = 1
DRAWS = 2000


def evaluate(model: EntailmentModel, rows: Sequence[LabelledPair], *, seed: int = 0) -> EntailmentReport:
    """Judges every pair and reports each source beside the others.

    Pairs that the model could not judge are counted as failures and are in no other figure.

    Args:
        model: Any entailment model.
        rows: Labelled pairs with both kinds of label in each source.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: There are no rows, or the model judged none.
    """
    judgements = model.judge([Pair(row.premise, row.hypothesis) for row in rows])
    judged = [(row, j.supported) for row, j in zip(rows, judgements, strict=True) if j.supported is not None]
    if not judged:
        raise ValueError("`rows` has to hold a pair that the model can judge, but holds none")
    truth = np.array([row.supported for row, _ in judged])
    probability = np.array([p for _, p in judged])
    source = np.array([row.source for row, _ in judged])
    premises = np.array([row.premise for row, _ in judged], dtype=object)
    figures, samples = [], []
    for number, (name, group) in enumerate(by_source(rows).items()):
        at = source == name
        verdict = probability[at] >= model.threshold
        samples.append(resampled_balanced_accuracy(truth[at], verdict, list(premises[at]), DRAWS, (seed, number)))
        figures.append(
            SourceFigures(
                source=name,
                pairs=int(at.sum()),
                supported=float(truth[at].mean()) if at.any() else float("nan"),
                balanced_accuracy=balanced_accuracy(truth[at], verdict),
                interval=interval(samples[-1]),
                auroc=float(roc_auc_score(truth[at], probability[at])) if len(set(truth[at])) > 1 else float("nan"),
                failures=len(group) - int(at.sum()),
            )
        )
    shortest = min(len(sample) for sample in samples)
    means = np.mean([sample[:shortest] for sample in samples], axis=0)
    as_is = np.full(len(judged), 1 / len(judged))
    return EntailmentReport(
        model=model.name,
        threshold=model.threshold,
        sources=tuple(figures),
        mean=float(np.mean([figure.balanced_accuracy for figure in figures])),
        mean_interval=interval(means),
        reliability=tuple(reliability(probability, truth, even_weights(truth, list(source)))),
        reliability_as_is=tuple(reliability(probability, truth, as_is)),
    )


def with_floors(
    report: EntailmentReport, train: Sequence[LabelledPair], rows: Sequence[LabelledPair]
) -> EntailmentReport:
    """The report with both floors beside the model, fitted on `train`."""
    floors = {
        "hypothesis only": floor_figures(hypothesis_only(train, rows), rows),
        "embedding cosine": floor_figures(embedding_cosine(train, rows), rows),
    }
    return replace(report, floors=floors)


def evaluate_file(
    file: Path,
    model: EntailmentModel,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    train: Path | None = None,
) -> Judged:
    """What :func:`evaluate` finds on a file, with the floors where there is something to fit them on.

    Args:
        file: JSONL with premise, hypothesis, label and source.
        model: Any entailment model.
        limit: How many pairs, drawn by `seed`; all by default.
        seed: Of the draw and of the bootstrap.
        progress: Told how many pairs are judged.
        train: Pairs to fit the floors on; `train.jsonl` beside the file by default, where there is one.

    Raises:
        ValueError: A line is no labelled pair.
    """
    beside = file.with_name("train.jsonl")
    train = train or (beside if beside.is_file() and beside != file else None)
    rows = limited(read_pairs(file), limit, seed)
    report = evaluate(watched(model, progress), rows, seed=seed)
    if train is not None:
        report = with_floors(report, read_pairs(train), rows)
    record = recorded(
        task=NAME, task_version=VERSION, model=model, source=Source.read(file), n=len(rows),
        settings={"limit": limit, "seed": seed, "train": train and train.name}, found={"report": report.as_dict()},
    )  # fmt: skip
    unchecked = sum(figures.failures for figures in report.sources)
    return Judged(text=report.table(), recorded=record, samples=(), unchecked=unchecked, figures=report)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="JSONL with premise, hypothesis, label and source")
    parser.add_argument("--entailment", default="local", help="name of the entailment model")
    parser.add_argument("--train", type=Path, help="pairs to fit the floors on (default: train.jsonl beside FILE)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--plot", type=Path, help="also draw the reliability diagram to this file")
    options = parser.parse_args(arguments)
    rows = read_pairs(options.file)
    report = evaluate(load_entailment(options.entailment), rows)
    train = options.train or options.file.with_name("train.jsonl")
    if options.train or (train.is_file() and train != options.file):
        report = with_floors(report, read_pairs(train), rows)
    if options.plot:
        from .plot import plot_reliability  # noqa: PLC0415  (matplotlib is needed for nothing else)

        plot_reliability(report, options.plot)
    print(json.dumps(report.as_dict(), indent=2) if options.json else report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
