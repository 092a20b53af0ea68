"""`counterfoil eval entailment`: an entailment model on labelled pairs, source by source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import judging
from .failing import guarded
from .options import check_readable, check_writable, model_options


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
        beside = file.with_name("train.jsonl")
        if train is None and beside.is_file() and beside != file:
            train = beside
        options = model_options(option, device)
        failed = _entailment(file, judge, options, train, limit, seed, json, plot)
    raise typer.Exit(judging.UNCHECKED if failed else 0)


def _entailment(
    file: Path,
    name: str,
    options: dict[str, object],
    train: Path | None,
    limit: int | None,
    seed: int,
    json: Path | None,
    plot: Path | None,
) -> int:
    """Evaluates, prints and writes; returns how many pairs got no verdict."""
    try:
        from counterfoil.eval.entailment.data import read_pairs  # noqa: PLC0415 (an extra)
        from counterfoil.eval.entailment.evaluate import evaluate, with_floors  # noqa: PLC0415
    except ImportError as error:
        raise ImportError('evaluations need more than scoring: pip install "counterfoil[eval]"') from error
    from counterfoil.attribution.writing import write_text  # noqa: PLC0415
    from counterfoil.eval.judging import as_json, watched  # noqa: PLC0415
    from counterfoil.eval.source import Source, limited  # noqa: PLC0415

    from .loading import load_judge  # noqa: PLC0415
    from .progress import Steps  # noqa: PLC0415

    rows = limited(read_pairs(file), limit, seed)
    model = load_judge(name, options)
    with Steps() as steps:
        with steps.step("Judging") as advance:
            report = evaluate(watched(model, advance), rows, seed=seed)
        if train is not None:
            with steps.step("Fitting the floors"):
                report = with_floors(report, read_pairs(train), rows)
    print(report.table())
    if json is not None:
        settings = {"limit": limit, "seed": seed, "train": train and train.name, **judging.named(options)}
        found = {"report": report.as_dict()}
        source = Source.read(file)
        write_text(
            json,
            as_json(
                task="entailment", task_version=1, model=model, source=source, n=len(rows), settings=settings,
                found=found,
            ),
        )  # fmt: skip
    if plot is not None:
        from counterfoil.eval.entailment.plot import plot_reliability  # noqa: PLC0415

        plot_reliability(report, plot)
    return sum(figures.failures for figures in report.sources)
