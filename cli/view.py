"""Pages on this machine's own address with models behind them: `counterfoil view` of a JSON file, `counterfoil app`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
from counterfoil.attribution import load_entailment
from counterfoil.attribution.loaders.documents import Reading, read_documents
from counterfoil.attribution.locating import METHODS, Locator
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report import AnswerRecord, Report, read_reports
from counterfoil.attribution.report.locate_service import MakeLocator
from counterfoil.attribution.report.server import LocalServer, Server
from counterfoil.grounding.app import AppServer, Models, Session, Settings

from .options import (
    INPUT_FILE,
    Command,
    NameValue,
    answering_engine,
    answering_options,
    documents_option,
    entailment_option,
)


def _serving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    port = click.option(
        "--port", type=click.IntRange(0, 65535), metavar="N", default=0, help="Where to serve; 0 for any that is free."
    )
    browser = click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
    return port(browser(command))


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
@_serving_options
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
    saved = read_reports(file)
    make = _make_locator(method, model, entailment, dict(settings))
    _serve(lambda: Server(saved, make, method=method, port=port), str(file), port, browser=browser)


@click.command(cls=Command)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[--documents DIR|FILE...]")
@documents_option(required=False)
@answering_options
@_serving_options
def app(
    more: tuple[Path, ...],
    documents: tuple[Path, ...],
    model: str | None,
    endpoint: str | None,
    api_key: str | None,
    top_k: int,
    max_new_tokens: int,
    max_sentences: int,
    drafts: bool,
    entailment: str,
    detail_check: bool,
    embedding_model: str | None,
    port: int,
    browser: bool,
) -> None:
    """Ask questions of documents in the browser, and review the answers.

    The answer comes in sentence by sentence, each checked; the page takes more documents, shows what any words rest on,
    and exports what a person says of the verdicts for calibrate and eval. Serves on 127.0.0.1 until Ctrl-C.
    """
    named = (*documents, *more)
    reading = read_documents(named) if named else Reading([], [])
    session = Session(
        reading.documents,
        Models(answering_engine(model, endpoint, api_key), entailment, embedding_model, detail_check, drafts),
        Settings(top_k, max_new_tokens, max_sentences),
        [f"Left out: {file}." for file in reading.left_out],
    )
    _serve(lambda: AppServer(session, port=port), "The page to ask", port, browser=browser)


def _serve(make: Callable[[], LocalServer], what: str, port: int, *, browser: bool) -> None:
    """Serve a page until Ctrl-C.

    Args:
        make: Takes the port.
        what: Is served.
        port: Where.
        browser: Whether to open it.
    """
    try:
        server = make()
    except OSError as error:
        raise ValueError(f"cannot serve at port {port}: {error}. Leave out --port for any that is free.") from error
    click.echo(f"{what} is at {server.url}\nCtrl-C ends it.")
    sys.stdout.flush()
    if browser:
        server.open_browser()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("\nended", err=True)
    finally:
        server.server_close()


def _make_locator(method: str, model: str | None, entailment: str, options: dict[str, Any]) -> MakeLocator:
    """Return what makes the locator of an answer."""
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

    return make
