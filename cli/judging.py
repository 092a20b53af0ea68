"""Options that the evaluations of entailment models share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from counterfoil.eval.judged import Judged, JudgeEvaluate

UNCHECKED = 3
"""Exit code where a pair got no verdict: the figures are then not those of the whole file."""

Judge = Annotated[str, typer.Option("--entailment", help="The model, named as for score.")]
Limit = Annotated[int | None, typer.Option(help="How many pairs, drawn by --seed.")]
Seed = Annotated[int, typer.Option(help="Of the draw of pairs and of the bootstrap.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="For the entailment model: batch_size=8, ...", metavar="NAME=VALUE"),
]
Device = Annotated[str | None, typer.Option(help="Where the entailment model runs, for example cuda.")]
Json = Annotated[Path | None, typer.Option(help="Write figures, settings and versions here.", metavar="FILE")]
Samples = Annotated[Path | None, typer.Option(help="Write what each claim got here, JSON lines.", metavar="FILE")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def judged(
    evaluate: JudgeEvaluate,
    file: Path,
    name: str,
    options: Mapping[str, object],
    *,
    limit: int | None,
    seed: int,
    json: Path | None,
    samples: Path | None = None,
) -> Judged:
    """Loads the model called `name`, evaluates it on the file, prints and writes what was found."""
    from counterfoil.attribution.io.atomic import write_text
    from counterfoil.eval.engines.judge import as_json

    from .loading import load_judge
    from .progress import Steps

    model = load_judge(name, options)
    with Steps() as steps, steps.step("Judging") as advance:
        found = evaluate(file, model, limit=limit, seed=seed, progress=advance)
    print(found.text)
    if json is not None:
        settings = {**found.recorded["settings"], **named(options)}
        write_text(json, as_json({**found.recorded, "settings": settings}))
    if samples is not None:
        write_text(samples, found.samples_as_jsonl())
    return found


def named(options: Mapping[str, object]) -> dict[str, object]:
    """The options of the model, as settings of the run."""
    return {f"option {name}": value for name, value in options.items()}
