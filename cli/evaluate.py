"""`counterfoil eval`: published protocols on a model of one's own, a command a task."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import decoding as options
from .evaluate_attributionbench import attributionbench
from .evaluate_entailment import entailment
from .evaluate_laquer import laquer
from .failing import guarded

if TYPE_CHECKING:
    from counterfoil.eval.decodings import Decoding
    from counterfoil.eval.results import TaskResult

    from .progress import Steps

eval_app = typer.Typer(
    name="eval",
    help="Measure methods on a model beside plain decoding, and entailment models on labelled data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
eval_app.command()(entailment)
eval_app.command()(attributionbench)
eval_app.command()(laquer)

Limit = Annotated[int | None, typer.Option(help="How many items, drawn by --seed.")]
Seed = Annotated[int, typer.Option(help="Of the draw of items and of the bootstrap.")]
BatchSize = Annotated[int, typer.Option(help="How many texts the model reads at once.")]
Json = Annotated[Path | None, typer.Option(help="Write figures, settings and versions here.", metavar="FILE")]
Samples = Annotated[Path | None, typer.Option(help="Write what each item gave here, JSON lines.", metavar="FILE")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@eval_app.command()
def memotrap(
    file: Annotated[Path, typer.Argument(help="memo-trap_classification.jsonl", metavar="FILE")],
    model: options.Model = None,
    method: Annotated[
        str, typer.Option(help="Names with commas; the others are compared with the first.")
    ] = "none,cad",
    alpha: options.Alpha = None,
    strength: options.Strength = None,
    rule: options.Rule = None,
    beta: options.Beta = None,
    formulation: options.Formulation = None,
    amateur_temperature: options.AmateurTemperature = None,
    amateur: options.Amateur = None,
    early_exit: options.EarlyExit = None,
    cut_context: options.CutContext = None,
    layers: options.Layers = None,
    norm: options.Norm = None,
    limit: Limit = None,
    seed: Seed = 0,
    batch_size: BatchSize = 16,
    json: Json = None,
    samples: Samples = None,
    debug: Debug = False,
) -> None:
    """Memorised endings against an instruction: accuracy by likelihood.

    --alpha, --strength and --beta take several values with commas between them.
    """
    parameters = {
        "rule": rule,
        "formulation": formulation,
        "amateur_temperature": amateur_temperature,
        "amateur": amateur,
        "early_exit": early_exit,
        "cut_context": cut_context,
    }
    with guarded(debug=debug):
        parameters |= {
            "alpha": options.numbers("alpha", alpha),
            "strength": options.numbers("strength", strength),
            "beta": options.numbers("beta", beta),
            "layers": options.layers(layers),
            "norm": norm,
        }
        keywords = {"limit": limit, "seed": seed, "batch_size": batch_size}
        _run("memotrap", file, model, method, parameters, keywords, json, samples)


@eval_app.command()
def degeneration(
    file: Annotated[Path, typer.Argument(help="Running text, a paragraph a line (WikiText).", metavar="FILE")],
    model: options.Model = None,
    method: Annotated[
        str, typer.Option(help="Of none, contrastive_search, contrastive_decoding, dola; with commas.")
    ] = "none,contrastive_search",
    prefix_tokens: Annotated[int, typer.Option(help="How many tokens of a paragraph are continued.")] = 32,
    new_tokens: Annotated[int, typer.Option(help="By how many.")] = 128,
    penalty_alpha: options.PenaltyAlpha = None,
    top_k: options.TopK = None,
    alpha: options.Alpha = None,
    beta: options.Beta = None,
    early_exit: options.EarlyExit = None,
    cut_context: options.CutContext = None,
    layers: options.Layers = None,
    norm: options.Norm = None,
    simctg_compatible: Annotated[
        bool, typer.Option("--simctg-compatible", help="Count n-grams as the reference code does, one short.")
    ] = False,
    limit: Limit = 100,
    seed: Seed = 0,
    batch_size: BatchSize = 8,
    json: Json = None,
    samples: Samples = None,
    debug: Debug = False,
) -> None:
    """Repetition in continuations of running text: rep-2, rep-3, rep-4 and diversity."""
    with guarded(debug=debug):
        parameters = {
            "penalty_alpha": penalty_alpha,
            "top_k": top_k,
            "alpha": options.numbers("alpha", alpha),
            "beta": options.numbers("beta", beta),
            "early_exit": early_exit,
            "cut_context": cut_context,
            "layers": options.layers(layers),
            "norm": norm,
        }
        keywords = {
            "prefix_tokens": prefix_tokens,
            "new_tokens": new_tokens,
            "limit": limit,
            "seed": seed,
            "batch_size": batch_size,
            "simctg_compatible": simctg_compatible,
        }
        _run("degeneration", file, model, method, parameters, keywords, json, samples)


def _run(
    task: str,
    file: Path,
    model: str | None,
    method: str,
    parameters: dict[str, Any],
    keywords: dict[str, Any],
    json: Path | None,
    samples: Path | None,
) -> None:
    from counterfoil.attribution.writing import write_text  # noqa: PLC0415
    from counterfoil.eval.decodings import decodings  # noqa: PLC0415

    from .progress import Steps  # noqa: PLC0415
    from .tables import print_result  # noqa: PLC0415
    from .writable import check_writable  # noqa: PLC0415

    chosen = decodings(method, parameters)
    if not file.is_file():
        raise ValueError(f"cannot read {str(file)!r}: there is no such file")
    for path in filter(None, (json, samples)):
        check_writable(path)
    with Steps() as steps:
        result = _evaluated(task, file, model, chosen, keywords, steps)
    print_result(result)
    if json is not None:
        write_text(json, result.as_json())
    if samples is not None:
        write_text(samples, result.samples_as_jsonl())


def _evaluated(
    task: str, file: Path, model: str | None, chosen: list[Decoding], keywords: dict[str, Any], steps: Steps
) -> TaskResult:
    from counterfoil.models import load_language_model  # noqa: PLC0415

    from .answering import quieten  # noqa: PLC0415

    with steps.step("Loading the language model"):
        evaluate = import_module(f"counterfoil.eval.{task}").evaluate
        quieten()
        language = load_language_model(model)
    with steps.step(task) as advance:
        return evaluate(file, language, chosen, progress=advance, **keywords)
