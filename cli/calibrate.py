"""`counterfoil calibrate`: the threshold of an entailment model and how far it is right, from labelled pairs."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from counterfoil.attribution import Pair
from counterfoil.attribution.io.atomic import write_json
from counterfoil.attribution.scoring.corpus import CorpusReport
from counterfoil.attribution.statistics import Interval, Reliability
from rich.console import Console

from .judge import Judge
from .options import INPUT_FILE, Command, judge_options, output_option
from .output import print_line, print_written, shown_number, shown_range

HELD_OUT = 500
"""Pairs of each source that the threshold is not fitted on, at most a fifth of them."""

COUNTS = ("supported_right", "supported", "refused_right", "others")
"""Fields of :class:`~counterfoil.attribution.statistics.Reliability` that a calibration holds."""

FOLDS = 5
"""Times that a threshold is fitted without a part of the pairs, to see how far the judge is right on that part."""


@click.command(cls=Command)
@click.argument("file", type=INPUT_FILE)
@judge_options()
@output_option("--json", "Write the calibration here, for score --calibration.")
def calibrate(file: Path, judge: Judge, json: Path | None) -> None:
    """Find the threshold of an entailment model on labelled pairs.

    FILE holds JSON lines with premise, hypothesis, label and source. The threshold is that of greatest balanced
    accuracy; it is measured on pairs with other premises. How far the judge is right is measured on all pairs, each
    with a threshold that was fitted without its premise: score --calibration takes these errors out of its figures.
    """
    found = calibration(file, judge)
    click.echo(
        f"{found['entailment']}: threshold {found['threshold']:g} fitted on {found['fitted_on']} pairs; "
        f"balanced accuracy {shown_number(found['balanced_accuracy'])} on {found['measured_on']} others, "
        f"{shown_number(found['before'])} with the model's own threshold {found['own_threshold']:g}"
    )
    if found["not_judged"]:
        click.echo(f"{found['not_judged']} pairs could not be judged and are in no figure", err=True)
    click.echo(str(_reliability(found)))
    if json is not None:
        write_json(json, found)
    print_written(Calibration=json)


def read_calibration(path: Path, model: str) -> tuple[float, Reliability]:
    """Return the threshold that a calibration of the model called `model` found, and how far the model was right.

    Raises:
        ValueError: The file is no calibration, or one of another model: thresholds do not carry over.
    """
    try:
        found = json_module.loads(path.read_bytes())
        threshold, of = float(found["threshold"]), str(found["entailment"])
        reliability = _reliability(found)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--calibration has to be a file that `counterfoil calibrate --json` wrote: {path}") from error
    if of != model:
        raise ValueError(f"--calibration has to be of the model {model}, but {path} is of {of}")
    return threshold, reliability


def print_reliability(
    out: Console, corpus: CorpusReport, reliability: Reliability, corrected: tuple[float, Interval] | None
) -> None:
    """Print how far the judge was found to be right, and what that makes of the share that it calls supported."""
    print_line(out, f"this judge: {reliability}")
    if corpus.supported_share is None:
        return
    judged = sum(of for _, of in corpus.supports)
    called = f"it calls {corpus.supported_share:.3f} of {judged} judged statements supported"
    if corrected is None:
        print_line(out, f"{called}; on those pairs it was not right often enough for an estimate of the true share")
        return
    value, interval = corrected
    if_so = "if those pairs are a draw from these answers" if reliability.drawn else "if it errs here as it did there"
    print_line(out, f"{called}; without its errors {value:.3f} {shown_range(interval)}, {if_so}")


def _reliability(found: Mapping[str, Any]) -> Reliability:
    counts = (int(found[name]) for name in COUNTS)
    return Reliability(*counts, on=f"the labelled pairs of {found['file']}", drawn=True)


def calibration(file: Path, judge: Judge) -> dict[str, Any]:
    """Return the fitted threshold, the balanced accuracy with it and with the model's own, and how often the model was
    right on supported and on other pairs, by name.

    Raises:
        ValueError: The file cannot be read as pairs, or holds one kind of pair only.
        ImportError: The evaluations are not installed.
    """
    try:
        from counterfoil.eval.labelled_pairs import balanced_accuracy, folds, hold_out, read_pairs, threshold
    except ImportError as error:
        raise ImportError(f'calibrating needs the evaluations ({error}): pip install "counterfoil[eval]"') from error

    rows = read_pairs(file)
    model = judge.load()
    judgements = model.judge([Pair(row.premise, row.hypothesis) for row in rows])
    support = {(r.premise, r.hypothesis): j.supported for r, j in zip(rows, judgements, strict=True)}
    judged = [row for row in rows if support[row.premise, row.hypothesis] is not None]
    fitted, measured = hold_out(judged, HELD_OUT, 0)
    if len({row.supported for row in fitted}) < 2:
        raise ValueError(f"{file} has to hold supported and other pairs that the model can judge, but holds one kind")

    def columns(some: list) -> tuple[list[float], list[bool]]:
        return [support[row.premise, row.hypothesis] or 0.0 for row in some], [row.supported for row in some]

    probabilities, truth = columns(fitted)
    best = threshold(probabilities, truth, [row.source for row in fitted])
    held, held_truth = columns(measured)

    def accuracy(at: float) -> float | None:
        both_kinds = len(set(held_truth)) == 2
        return balanced_accuracy(held_truth, [p >= at for p in held]) if both_kinds else None

    # Right or wrong with a threshold that was fitted without the pair: fifty pairs are too few to hold some out.
    counts = dict.fromkeys(COUNTS, 0)
    for others, part in folds(judged, FOLDS):
        probabilities, truth = columns(others)
        at = threshold(probabilities, truth, [row.source for row in others]) if len(set(truth)) == 2 else best
        for probability, supported in zip(*columns(part), strict=True):
            right, of = COUNTS[:2] if supported else COUNTS[2:]
            counts[right] += (probability >= at) == supported
            counts[of] += 1

    return {
        "entailment": model.name,
        "threshold": best,
        "own_threshold": model.threshold,
        "balanced_accuracy": accuracy(best),
        "before": accuracy(model.threshold),
        "fitted_on": len(fitted),
        "measured_on": len(measured),
        "not_judged": len(rows) - len(judged),
        **counts,
        "file": file.name,
    }
