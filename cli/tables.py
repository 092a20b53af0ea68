"""What a task found, on the terminal; a Markdown table where standard output is no terminal."""

from __future__ import annotations

from counterfoil.eval.results import TaskResult, markdown
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_result(result: TaskResult, console: Console | None = None) -> None:
    """Prints the table of a task, what it was computed from, and the notes."""
    out = console or Console(highlight=False)
    title = f"{result.task} (version {result.version}), {result.n} items of {result.source.name}, {result.model}"
    head, *rows = result.table()
    if out.is_terminal:
        table = Table(title=Text(title), title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        out.print(table)
    else:
        out.print(Text(f"{title}\n\n{markdown([head, *rows])}"), soft_wrap=True)
    out.print(Text("[low, high]: 95% interval", style="dim"), soft_wrap=not out.is_terminal)
    for note in result.notes:
        out.print(Text(f"Note: {note}", style="yellow"), soft_wrap=not out.is_terminal)
