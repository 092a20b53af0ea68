"""`counterfoil eval entailment`: an entailment model on labelled pairs, source by source."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from . import judging
from .failing import guarded
from .options import check_readable, model_options
from .writable import check_writable


def entailment(
    file: Annotated[
        Path, typer.Argument(help="JSON lines with premise, hypothesis, label and source.", metavar="FILE")
    ],
    judge: judging.Judge = "local",
    train: Annotated[
        Path | None, typer.Option(help="Fit the floors on these pairs. Default: train.jsonl beside FILE.")
    ] = None,
    limit: judging.Limit = None,
    seed: judging.Seed = 0,
    option: judging.Options = None,
    device: judging.Device = None,
    json: judging.Json = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the calibration here.", metavar="FILE")] = None,
    debug: judging.Debug = False,
) -> None:
    """Balanced accuracy, AUROC and calibration on labelled pairs, a line a source, beside what has to be beaten."""
    with guarded(debug=debug):
        for path in filter(None, (file, train)):
            check_readable(path)
        for path in filter(None, (json, plot)):
            check_writable(path)
        try:
            from counterfoil.eval.entailment.evaluate import evaluate_file
        except ImportError as error:
            raise ImportError(
                f'evaluations need more than scoring ({error}): pip install "counterfoil[eval]"'
            ) from error
        options = model_options(option, device)
        found = judging.judged(
            partial(evaluate_file, train=train), file, judge, options, limit=limit, seed=seed, json=json
        )
        if plot is not None:
            from counterfoil.eval.entailment.plot import plot_reliability

            plot_reliability(found.figures, plot)
    raise typer.Exit(judging.UNCHECKED if found.unchecked else 0)
