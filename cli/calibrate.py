"""`counterfoil calibrate`: the threshold of an entailment model, from labelled pairs."""

from __future__ import annotations

import json as json_module
from pathlib import Path

import click
from counterfoil.attribution import Pair
from counterfoil.attribution.io.atomic import write_json

from .judge import Judge
from .options import INPUT_FILE, Command, judge_options, output_option
from .output import print_written

HELD_OUT = 500
"""Pairs of each source that the threshold is not fitted on, at most a fifth of them."""


@click.command(cls=Command)
@click.argument("file", type=INPUT_FILE)
@judge_options()
@output_option("--json", "Write the calibration here, for score --calibration.")
def calibrate(file: Path, judge: Judge, json: Path | None) -> None:
    """Find the threshold of an entailment model on labelled pairs.

    FILE holds JSON lines with premise, hypothesis, label and source. The threshold is that of greatest balanced
    accuracy; it is measured on pairs with other premises.
    """
    found = calibration(file, judge)
    click.echo(
        f"{found['entailment']}: threshold {found['threshold']:g} fitted on {found['fitted_on']} pairs; "
        f"balanced accuracy {_figure(found['balanced_accuracy'])} on {found['measured_on']} others, "
        f"{_figure(found['before'])} with the model's own threshold {found['own_threshold']:g}"
    )
    if json is not None:
        write_json(json, found)
    print_written(Calibration=json)


def read_calibration(path: Path, model: str) -> float:
    """Return the threshold that a calibration of the model called `model` found.

    Raises:
        ValueError: The file is no calibration, or one of another model: thresholds do not carry over.
    """
    try:
        found = json_module.loads(path.read_bytes())
        threshold, of = float(found["threshold"]), str(found["entailment"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--calibration has to be a file that `counterfoil calibrate --json` wrote: {path}") from error
    if of != model:
        raise ValueError(f"--calibration has to be of the model {model}, but {path} is of {of}")
    return threshold


def calibration(file: Path, judge: Judge) -> dict[str, str | float | int | None]:
    """Return the fitted threshold and the balanced accuracy with it and with the model's own, by name.

    Raises:
        ValueError: The file cannot be read as pairs, or holds one kind of pair only.
        ImportError: The evaluations are not installed.
    """
    try:
        from counterfoil.eval.labelled_pairs import balanced_accuracy, hold_out, read_pairs, threshold
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

    return {
        "entailment": model.name,
        "threshold": best,
        "own_threshold": model.threshold,
        "balanced_accuracy": accuracy(best),
        "before": accuracy(model.threshold),
        "fitted_on": len(fitted),
        "measured_on": len(measured),
        "not_judged": len(rows) - len(judged),
        "file": file.name,
    }


def _figure(value: str | float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
