"""`counterfoil calibrate`: the threshold of an entailment model, from labelled pairs."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from .failing import guarded
from .options import check_readable, model_options
from .writable import check_writable

HELD_OUT = 500
"""Pairs of each source that the threshold is not fitted on, at most a fifth of them."""


def calibrate(
    file: Annotated[
        Path, typer.Argument(help="JSON lines with premise, hypothesis, label and source.", metavar="FILE")
    ],
    entailment: Annotated[str, typer.Option(help="The model, named as for score.")] = "local",
    json: Annotated[
        Path | None, typer.Option(help="Write the calibration here, for score --calibration.", metavar="FILE")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="For the entailment model: batch_size=8, ...", metavar="NAME=VALUE"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where the entailment model runs, for example cuda.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find the threshold of greatest balanced accuracy, and measure it on pairs with other premises."""
    with guarded(debug=debug):
        check_readable(file)
        if json is not None:
            check_writable(json)
        found = _calibration(file, entailment, model_options(option, device))
        print(
            f"{found['entailment']}: threshold {found['threshold']:g} fitted on {found['fitted_on']} pairs; "
            f"balanced accuracy {_shown(found['balanced_accuracy'])} on {found['measured_on']} others, "
            f"{_shown(found['before'])} with the model's own threshold {found['own_threshold']:g}"
        )
        if json is not None:
            from counterfoil.attribution.io.atomic import write_text  # noqa: PLC0415 (keeps --help light)

            write_text(json, json_module.dumps(found, indent=2, allow_nan=False) + "\n")
            print(f"Calibration: {json}")


def read_calibration(path: Path, model: str) -> float:
    """The threshold that a calibration of the model called `model` found.

    Raises:
        ValueError: Where the file is no calibration, or one of another model: thresholds do not carry over.
    """
    try:
        found = json_module.loads(path.read_bytes())
        threshold, of = float(found["threshold"]), str(found["entailment"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--calibration has to be a file that `counterfoil calibrate --json` wrote: {path}") from error
    if of != model:
        raise ValueError(f"--calibration has to be of the model {model}, but {path} is of {of}")
    return threshold


def _calibration(file: Path, entailment: str, options: dict[str, object]) -> dict[str, str | float | int | None]:
    try:
        from counterfoil.eval.entailment.calibration import threshold  # noqa: PLC0415 (an extra)
        from counterfoil.eval.entailment.data import hold_out, read_pairs  # noqa: PLC0415
        from counterfoil.eval.entailment.measures import balanced_accuracy  # noqa: PLC0415
    except ImportError as error:
        raise ImportError('calibrating needs the evaluations: pip install "counterfoil[eval]"') from error
    from counterfoil.attribution import Pair  # noqa: PLC0415

    from .loading import load_judge  # noqa: PLC0415

    rows = read_pairs(file)
    model = load_judge(entailment, options)
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


def _shown(value: str | float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
