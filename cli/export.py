"""`counterfoil export`: the citations of a JSON file in the dialect of Anthropic, OpenAI or Cohere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .failing import guarded
from .options import check_readable
from .writable import check_writable

DIALECTS = ("anthropic", "openai", "cohere")


def export(
    file: Annotated[
        Path, typer.Argument(help="What `ask --json` or `score --json` wrote.", metavar="FILE.json", show_default=False)
    ],
    dialect: Annotated[str, typer.Option("--format", help=f"One of {', '.join(DIALECTS)}.", metavar="NAME")],
    out: Annotated[Path | None, typer.Option("--json", help="Write here, not on the terminal.", metavar="FILE")] = None,
    words: Annotated[
        bool, typer.Option("--words", help="The words that were located beforehand, instead of whole sentences.")
    ] = False,
    supported_only: Annotated[
        bool, typer.Option("--supported-only", help="Leave out citations that do not support their sentence.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Write the citations of FILE as an API would: a message for an answer, a line for each answer of a corpus."""
    with guarded(debug=debug):
        if dialect not in DIALECTS:
            raise ValueError(f"--format has to be one of {', '.join(DIALECTS)}, but is {dialect!r}")
        check_readable(file)
        if out is not None:
            check_writable(out)
        _run(file, dialect, out, words=words, supported_only=supported_only)


def _run(file: Path, dialect: str, out: Path | None, *, words: bool, supported_only: bool) -> None:
    from counterfoil.attribution.io.atomic import write_text  # noqa: PLC0415
    from counterfoil.attribution.io.exports import EXPORTERS, CitedText  # noqa: PLC0415 (keeps --help light)
    from counterfoil.attribution.report import opened  # noqa: PLC0415

    found = opened(file)
    if words and not any(report.answers[0].attributions for report in found.reports):
        typer.echo(f"{file} holds no located words, so nothing is cited; `ask --json` writes them", err=True)
    lines = []
    for report in found.reports:
        record = report.answers[0]
        if words:
            cited = CitedText.of_attributions(record.text, record.attributions)
        else:
            cited = CitedText.of_verdicts(record.text, record.statements, supported_only=supported_only)
        message = EXPORTERS[dialect](cited, report.documents)
        indent = 2 if found.summary is None else None
        lines.append(json.dumps(message, ensure_ascii=False, indent=indent, allow_nan=False))
    text = "\n".join(lines) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"JSON: {out}")
