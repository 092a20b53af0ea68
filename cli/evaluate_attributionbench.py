"""`counterfoil eval attributionbench`: an entailment model on AttributionBench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import judging
from .failing import guarded
from .options import check_readable, model_options
from .writable import check_writable


def attributionbench(
    file: Annotated[Path, typer.Argument(help="Items of AttributionBench, JSON lines.", metavar="FILE")],
    judge: judging.Judge = "local",
    limit: judging.Limit = None,
    seed: judging.Seed = 0,
    option: judging.Options = None,
    device: judging.Device = None,
    json: judging.Json = None,
    samples: judging.Samples = None,
    debug: judging.Debug = False,
) -> None:
    """Is a claim attributable to its references? Macro-F1 by subset, and means in and out of domain."""
    with guarded(debug=debug):
        check_readable(file)
        for path in filter(None, (json, samples)):
            check_writable(path)
        from counterfoil.eval.attributionbench import evaluate_file

        options = model_options(option, device)
        found = judging.judged(evaluate_file, file, judge, options, limit=limit, seed=seed, json=json, samples=samples)
    raise typer.Exit(judging.UNCHECKED if found.unchecked else 0)
