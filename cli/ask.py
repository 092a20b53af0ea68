"""`counterfoil ask`: answer a question from documents, and show what each sentence rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .failing import guarded
from .settings import Settings
from .writable import check_writable


def ask(
    question: Annotated[str, typer.Argument(help="What to ask. It comes before --documents.", metavar="QUESTION")],
    more: Annotated[list[Path] | None, typer.Argument(help="More of --documents.", hidden=True)] = None,
    documents: Annotated[
        list[Path] | None,
        typer.Option("--documents", "-d", help="Files (.txt, .md, .html, .pdf) and folders.", metavar="DIR|FILE..."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Language model: hub id or folder. Default: SmolLM2-135M-Instruct.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="cad: decode against the same question without documents. none: decode plainly.")
    ] = "cad",
    strength: Annotated[float, typer.Option(help="Strength of CAD; 0 is plain decoding.")] = 0.5,
    compare: Annotated[bool, typer.Option("--compare", help="Decode plainly as well and show both answers.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the page for the browser here.", metavar="FILE")] = None,
    json: Annotated[Path | None, typer.Option(help="Write everything as JSON here.", metavar="FILE")] = None,
    top_k: Annotated[int, typer.Option(help="How many passages the model reads.")] = 3,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer in tokens.")] = 80,
    max_sentences: Annotated[int, typer.Option(help="Longest answer in sentences.")] = 3,
    entailment: Annotated[
        str, typer.Option(help="Who checks the citations: local, true, minicheck, hhem, nli:HUB_ID, llm:MODEL, ...")
    ] = "local",
    embedding_model: Annotated[
        str | None, typer.Option(help="Finds the passages: hub id or folder. Default: all-MiniLM-L6-v2.")
    ] = None,
    locate: Annotated[
        str, typer.Option(help="Locate the words of each clause beforehand: alignment, hidden_states, or none.")
    ] = "alignment",
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Answer QUESTION from documents, with checked citations."""
    with guarded(debug=debug):
        settings = Settings(
            question=question,
            documents=(*(documents or ()), *(more or ())),
            method=method,
            strength=strength,
            compare=compare,
            model=model,
            embedding_model=embedding_model,
            entailment=entailment,
            top_k=top_k,
            max_new_tokens=max_new_tokens,
            max_sentences=max_sentences,
            locate=locate if report is not None or json is not None else "none",
        )
        for path in filter(None, (report, json)):
            check_writable(path)
        _run(settings, report, json)


def _run(settings: Settings, report: Path | None, json: Path | None) -> None:
    from counterfoil.attribution.io.atomic import write_text  # noqa: PLC0415
    from counterfoil.attribution.report import write_report  # noqa: PLC0415  (keeps --help light)

    from .answering import answer  # noqa: PLC0415
    from .printing import print_outcome  # noqa: PLC0415
    from .progress import Steps  # noqa: PLC0415
    from .recording import as_json  # noqa: PLC0415

    with Steps() as steps:
        outcome = answer(settings, steps)
    print_outcome(outcome)
    if report is not None:
        write_report(report, outcome.report)
        typer.echo(f"Report: {report}")
    if json is not None:
        write_text(json, as_json(outcome))
        typer.echo(f"JSON: {json}")
