"""`counterfoil view`: the page of a JSON file, on this machine's own address, with a model behind it."""

from __future__ import annotations

import sys
import webbrowser
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failing import guarded
from .options import check_readable, model_options

if TYPE_CHECKING:
    from counterfoil.attribution.report.server import Server


def view(
    file: Annotated[
        Path, typer.Argument(help="What `ask --json` or `score --json` wrote.", metavar="FILE.json", show_default=False)
    ],
    method: Annotated[
        str, typer.Option(help="Who locates words: alignment, hidden_states, ...; the page can change it.")
    ] = "alignment",
    model: Annotated[
        str | None, typer.Option(help="What --method runs on: hub id or folder. Default: the method's own.")
    ] = None,
    entailment: Annotated[str, typer.Option(help="Who checks what was located, named as for score.")] = "local",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="Of --method: layer=9, top_k=3, ...", metavar="NAME=VALUE"),
    ] = None,
    port: Annotated[int, typer.Option(help="Where to serve; 0 for any port that is free.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Show FILE in the browser; words that were not located beforehand are located by a model on this machine.

    Serves on 127.0.0.1 until Ctrl-C.
    """
    with guarded(debug=debug):
        check_readable(file)
        server = _server(file, method, model, entailment, model_options(setting), port)
    print(f"{file} is at {server.url}\nCtrl-C ends it.", flush=True)
    if browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nended", file=sys.stderr)
    finally:
        server.server_close()


def _server(file: Path, method: str, model: str | None, entailment: str, options: dict[str, Any], port: int) -> Server:
    """Imports what is heavy, reads the file and takes the port."""
    from counterfoil.attribution import load_entailment  # noqa: PLC0415 (keeps --help light)
    from counterfoil.attribution.locating import METHODS, Locator  # noqa: PLC0415
    from counterfoil.attribution.locating.registry import load_model  # noqa: PLC0415
    from counterfoil.attribution.report import AnswerRecord, Report, opened  # noqa: PLC0415
    from counterfoil.attribution.report.desk import Desk  # noqa: PLC0415
    from counterfoil.attribution.report.server import Server, chosen, page  # noqa: PLC0415

    from .answering import quieten  # noqa: PLC0415

    if method not in METHODS:
        raise ValueError(f"--method has to be one of {', '.join(METHODS)}, but is {method!r}")
    quieten()

    # Loaded when they are first needed, and once for all answers.
    loaded, judge = cache(lambda name, of: load_model(name, of, {})[0]), cache(load_entailment)

    def make(report: Report, record: AnswerRecord, name: str) -> Locator:
        # The model and the settings are for the method that was named; any other runs on its own.
        own = name == method
        chosen_model = model if own else None
        return Locator(
            record.text,
            report.documents,
            method=name,
            # A chat model is made by its method, which knows the address of an endpoint.
            model=chosen_model if name == "prompting" else loaded(name, chosen_model),
            question=report.question or None,
            entailment=judge(entailment),
            **(options if own else {}),
        )

    found = opened(file)
    shown = chosen(found)
    try:
        server = Server(Desk(shown.reports, make), port)
    except OSError as error:
        raise ValueError(f"cannot serve at port {port}: {error}. Leave out --port for any that is free.") from error
    server.page = page(found, shown, token=server.token, methods=METHODS, method=method).encode()
    return server
