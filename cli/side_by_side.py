"""Two continuations on the terminal: in two columns, one after the other where standard output is no terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .continuing import Continued

FORMAT = "counterfoil.generation/1"
VERSIONS = ("counterfoil", "torch", "transformers")


def print_side_by_side(outcome: Continued, console: Console | None = None) -> None:
    """Prints the contrastive and the plain continuation."""
    out = console or Console(highlight=False)
    columns = ((outcome.label, outcome.contrastive), ("plain decoding", outcome.plain))
    for name, view in outcome.views.items():
        out.print(Text(f"{name}: {_shown(view)}\n"), soft_wrap=True)
    if out.is_terminal:
        table = Table(show_lines=False, padding=(0, 1))
        for label, _ in columns:
            table.add_column(Text(label), ratio=1, overflow="fold")
        table.add_row(*(Text(_shown(text)) for _, text in columns))
        out.print(table)
        return
    for number, (label, text) in enumerate(columns):
        # A pipe has no width: what reads it decides where to break.
        out.print(Text(f"{'' if number == 0 else chr(10)}{label}\n{_shown(text)}"), soft_wrap=True)


def as_json(outcome: Continued) -> str:
    """What `--json` prints."""
    request = outcome.request
    recorded = {
        "format": FORMAT,
        "model": outcome.model,
        "method": request.decoding.method,
        "settings": dict(outcome.settings),
        **request.recorded(),
        **({"views": dict(outcome.views)} if outcome.views else {}),
        "max_new_tokens": request.max_new_tokens,
        "sampling": None if request.sampling is None else asdict(request.sampling),
        "contrastive": outcome.contrastive,
        "plain": outcome.plain,
        "versions": {name: version(name) for name in VERSIONS},
    }
    return json.dumps(recorded, ensure_ascii=False, indent=2) + "\n"


def _shown(text: str) -> str:
    """A model's text without the control codes that would steer a terminal."""
    shown = "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text).strip()
    return shown or "(the model wrote nothing)"
