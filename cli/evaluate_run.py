"""`counterfoil eval run`: tasks on a model under several methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from . import decoding as options
from . import judging
from .failing import guarded
from .options import model_options, named_values


@options.takes_method_parameters
def run(
    tasks: Annotated[list[str], typer.Argument(help="Names of `counterfoil eval list`.", metavar="TASK...")],
    model: options.Model = None,
    method: Annotated[
        str | None,
        typer.Option(help="Names with commas; the others are compared with the first. Default: the task's own."),
    ] = None,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    data: Annotated[
        Path | None, typer.Option(help="The folder of the data sets, or the one file of a task.", metavar="DIR")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="How many items, drawn by --seed; 0 for all. Default: the task's own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of items and of the bootstrap.")] = 0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="An option of a task: new_tokens=64.", metavar="NAME=VALUE")
    ] = None,
    simctg_compatible: Annotated[
        bool, typer.Option("--simctg-compatible", help="degeneration: count n-grams as the reference code, one short.")
    ] = False,
    chat: Annotated[bool, typer.Option("--chat", help="Put prompts into the model's chat template.")] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="Ask this OpenAI-compatible server, as http://host:8000/v1.", metavar="URL")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="With --endpoint: the model's tokenizer, by hub id or folder.", metavar="NAME")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="How many texts are read, or requests under way, at once.")] = 8,
    measuring_model: Annotated[
        str | None, typer.Option(help="Measures coherence and MAUVE. Default: SmolLM2-135M-Instruct.", metavar="MODEL")
    ] = None,
    embedding_model: Annotated[
        str | None, typer.Option(help="Measures the other coherence. Default: all-MiniLM-L6-v2.", metavar="MODEL")
    ] = None,
    entailment: judging.Judge = "local",
    option: judging.Options = None,
    device: judging.Device = None,
    json: judging.Json = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Write every answer here at once, JSON lines; go on from those that are there.", metavar="FILE"
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the figures with their intervals here.", metavar="FILE")
    ] = None,
    debug: judging.Debug = False,
) -> None:
    """Run TASKs on a model under several methods: a table each, every method beside the first.

    Parameters that are numbers take several values with commas between them. With --samples a run that was killed goes
    on where it was. Leaves with code 3 where an entailment model gave no verdict on an item.
    """
    with guarded(debug=debug):
        from .evaluating import Request, evaluate

        given = named_values("set", setting)
        unchecked = evaluate(
            Request(
                tasks=tuple(tasks),
                model=model,
                methods=method,
                parameters=options.several_each(parameters),
                data=data,
                limit=limit,
                seed=seed,
                settings=given | ({"simctg_compatible": True} if simctg_compatible else {}),
                chat=chat,
                endpoint=endpoint,
                tokenizer=tokenizer,
                batch_size=batch_size,
                measuring_model=measuring_model,
                embedding_model=embedding_model,
                entailment=entailment,
                entailment_options=model_options(option, device),
                json=json,
                samples=samples,
                plot=plot,
            )
        )
    raise typer.Exit(judging.UNCHECKED if unchecked else 0)
