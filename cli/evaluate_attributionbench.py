"""`counterfoil eval attributionbench`: an entailment model on AttributionBench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import judging
from .failing import guarded
from .options import check_readable, check_writable, model_options

if TYPE_CHECKING:
    from counterfoil.eval.attributionbench import Benchmark


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
        failed = _attributionbench(file, judge, model_options(option, device), limit, seed, json, samples)
    raise typer.Exit(judging.UNCHECKED if failed else 0)


def _attributionbench(
    file: Path,
    name: str,
    options: dict[str, object],
    limit: int | None,
    seed: int,
    json: Path | None,
    samples: Path | None,
) -> int:
    """Evaluates, prints and writes; returns how many claims got no verdict."""
    from counterfoil.attribution.writing import write_text  # noqa: PLC0415
    from counterfoil.eval import attributionbench as task  # noqa: PLC0415
    from counterfoil.eval.attributionbench_claims import read_claims  # noqa: PLC0415
    from counterfoil.eval.judging import as_json, watched  # noqa: PLC0415
    from counterfoil.eval.source import Source, limited  # noqa: PLC0415

    from .loading import load_judge  # noqa: PLC0415
    from .progress import Steps  # noqa: PLC0415

    source = Source.read(file)
    claims = limited(read_claims(source), limit, seed)
    model = load_judge(name, options)
    with Steps() as steps, steps.step("Judging") as advance:
        found = task.evaluate(watched(model, advance), claims, seed=seed)
    _print(found, f"{task.NAME} (version {task.VERSION}), {len(claims)} claims of {source.name}, {model.name}")
    if json is not None:
        recorded = as_json(
            task=task.NAME, task_version=task.VERSION, model=model, source=source, n=len(claims),
            settings={"limit": limit, "seed": seed, **judging.named(options)}, found={"rows": found.recorded()},
            notes=found.notes,
        )  # fmt: skip
        write_text(json, recorded)
    if samples is not None:
        write_text(samples, found.samples_as_jsonl())
    return found.n_unparsed


def _print(found: Benchmark, title: str) -> None:
    from counterfoil.eval.results import markdown  # noqa: PLC0415

    print(f"{title}\n\n{markdown(found.table())}\n\n[low, high]: 95% interval, questions drawn whole")
    for note in found.notes:
        print(f"Note: {note}")
