"""Tables and texts on standard output; plain text if it is no terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click
from counterfoil.attribution.statistics import Interval
from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control codes but tab and line feed."""
_QUOTE_LENGTH = 160


def stdout() -> Console:
    """Return a console for standard output; brackets in names and texts are no markup."""
    return Console(highlight=False, markup=False)


def print_line(out: Console, text: Text | str = "") -> None:
    """Print a line, unbroken if no terminal reads it: what reads a pipe decides itself where to break."""
    out.print(text, soft_wrap=not out.is_terminal)


def print_table(
    out: Console,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    plain: Literal["markdown", "columns"] = "markdown",
) -> None:
    """Print a table, numbers to the right.

    Args:
        out: Where to.
        head: Name of each column.
        rows: The cells.
        title: A line above.
        plain: What is printed if `out` is no terminal: a Markdown table, or columns without rules.
    """
    if plain == "markdown" and not out.is_terminal:
        from counterfoil.eval.results import markdown

        print_line(out, Text("\n\n".join(filter(None, (title, markdown([head, *rows]))))))
        return
    columns = plain == "columns"
    look: dict[str, Any] = {"box": None, "pad_edge": False} if columns else {}
    table = Table(title=Text(title) if title else None, title_justify="left", **look)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number and not columns else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def print_notes(out: Console, notes: Sequence[str]) -> None:
    """Print what a reader has to know, a line each."""
    for note in notes:
        print_line(out, Text(f"Note: {one_line(note)}", style="yellow"))


def print_written(**files: Path | None) -> None:
    """Say which files were written: `print_written(Report=path)`."""
    for title, path in files.items():
        if path is not None:
            click.echo(f"{title}: {path}")


def one_line(text: str) -> str:
    """Return a text of a document or a model on one line, without the control codes that would steer a terminal."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Return a text of a document or a model with U+FFFD for each control code that would steer a terminal."""
    return _CONTROL.sub("�", text)


def shortened(text: str) -> str:
    """Return the beginning of a quote, on one line."""
    line = one_line(text)
    return line if len(line) <= _QUOTE_LENGTH else line[:_QUOTE_LENGTH].rsplit(" ", 1)[0] + " …"


def percent(probability: float) -> str:
    """Return a probability in percent."""
    return f"{100 * probability:.0f} %"


def shown_number(value: float | None) -> str:
    """Return a figure with three digits, or a dash if there is none."""
    return "–" if value is None else f"{value:.3f}"


def shown_range(interval: Interval | None) -> str:
    """Return an interval in brackets; empty if there is none."""
    return "" if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"
