"""`counterfoil export`: the citations of a JSON file in the format of Anthropic, OpenAI or Cohere."""

from __future__ import annotations

import json as json_module
from pathlib import Path

import click
from counterfoil.attribution.io.atomic import write_text
from counterfoil.attribution.io.exports import EXPORTERS, CitedText
from counterfoil.attribution.report import read_reports

from .options import INPUT_FILE, Command, output_option
from .output import print_written


@click.command(cls=Command)
@click.argument("file", type=INPUT_FILE)
@click.option("--format", "format_", type=click.Choice(sorted(EXPORTERS.names)), required=True, help="Whose format.")
@output_option("--json", "Write here, not on the terminal.")
@click.option("--words", is_flag=True, help="The words that were located beforehand, instead of whole sentences.")
@click.option("--supported-only", is_flag=True, help="Leave out citations that do not support their sentence.")
def export(file: Path, format_: str, json: Path | None, words: bool, supported_only: bool) -> None:
    """Write citations in the format of Anthropic, OpenAI or Cohere.

    FILE is what `ask --json` or `score --json` wrote. An answer becomes a message, a corpus a line for each answer.
    """
    found = read_reports(file)
    exporter = EXPORTERS.load(format_)
    if words and not any(report.answers[0].attributions for report in found.reports):
        click.echo(f"{file} holds no located words, so nothing is cited; `ask --json` writes them", err=True)
    lines = []
    for report in found.reports:
        record = report.answers[0]
        if words:
            cited = CitedText.of_attributions(record.text, record.attributions)
        else:
            cited = CitedText.of_verdicts(record.text, record.statements, supported_only=supported_only)
        message = exporter(cited, report.documents)
        indent = 2 if found.summary is None else None
        lines.append(json_module.dumps(message, ensure_ascii=False, indent=indent, allow_nan=False))
    text = "\n".join(lines) + "\n"
    if json is None:
        click.echo(text, nl=False)
    else:
        write_text(json, text)
    print_written(JSON=json)
