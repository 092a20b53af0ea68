"""`counterfoil view`: the page of a JSON file, on this machine's own address, with a model behind it."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import click
from counterfoil.attribution import load_entailment
from counterfoil.attribution.locating import METHODS, Locator
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report import AnswerRecord, Report, read_reports
from counterfoil.attribution.report.server import Server

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
        server.open_browser()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("\nended", err=True)
    finally:
        server.server_close()


def _server(file: Path, method: str, model: str | None, entailment: str, options: dict[str, Any], port: int) -> Server:
    """Read the file and take the port."""
    judge = cache(load_entailment)

    @cache
    def loaded(name: str) -> tuple[Any, dict[str, Any]]:
        # The model and the settings are for the method that was named; any other runs on its own.
        return load_model(name, model, options) if name == method else load_model(name)

    def make(report: Report, record: AnswerRecord, name: str) -> Locator:
        runs_on, left = loaded(name)
        return Locator(
            record.text,
            report.documents,
            method=name,
            model=runs_on,
            question=report.question or None,
            entailment=judge(entailment),
            **left,
        )

    saved = read_reports(file)
    try:
        return Server(saved, make, method=method, port=port)
    except OSError as error:
        raise ValueError(f"cannot serve at port {port}: {error}. Leave out --port for any that is free.") from error
