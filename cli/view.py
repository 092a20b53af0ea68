"""`counterfoil view`: the page of a JSON file, on this machine's own address, with a model behind it."""

from __future__ import annotations

import sys
import webbrowser
from functools import cache
from pathlib import Path
from typing import Any

import click
from counterfoil.attribution import load_entailment
from counterfoil.attribution.locating import METHODS, Locator
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report import AnswerRecord, Report, opened
from counterfoil.attribution.report.desk import Desk
from counterfoil.attribution.report.server import Server, chosen, page

from .options import INPUT_FILE, Command, NameValue, entailment_option


@click.command(cls=Command)
@click.argument("file", type=INPUT_FILE)
@click.option(
    "--method", type=click.Choice(tuple(METHODS)), default="alignment", help="Locates words; the page can change it."
)
@click.option("--model", metavar="MODEL", help="What --method runs on: hub id or folder. Default: the method's own.")
@entailment_option("Who checks what was located, named as for score.")
@click.option(
    "-s", "--set", "settings", multiple=True, type=NameValue(), metavar="NAME=VALUE",
    help="Of --method: layer=9, top_k=3, ...",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=0, help="Where to serve; 0 for any that is free."
)
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
def view(
    file: Path,
    method: str,
    model: str | None,
    entailment: str,
    settings: tuple[tuple[str, Any], ...],
    port: int,
    browser: bool,
) -> None:
    """Show a file of answers in the browser, and locate the words that are selected there.

    FILE is what `ask --json` or `score --json` wrote. Words that were not located beforehand are located by a model on
    this machine. Serves on 127.0.0.1 until Ctrl-C.
    """
    server = _server(file, method, model, entailment, dict(settings), port)
    click.echo(f"{file} is at {server.url}\nCtrl-C ends it.")
    sys.stdout.flush()
    if browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("\nended", err=True)
    finally:
        server.server_close()


def _server(file: Path, method: str, model: str | None, entailment: str, options: dict[str, Any], port: int) -> Server:
    """Read the file and take the port."""
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
    server.page = page(found, shown, token=server.token, methods=tuple(METHODS), method=method).encode()
    return server
