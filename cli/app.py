"""The commands, each in a file of its own; none of them imports torch before it runs."""

from __future__ import annotations

import typer

from .ask import ask
from .calibrate import calibrate
from .evaluate import eval_app
from .generate import generate
from .score import score
from .serve import PASSED_ON, serve

app = typer.Typer(
    name="counterfoil",
    help="Contrastive decoding, and citations that have been checked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(ask)
app.command()(generate)
app.command()(score)
app.command()(calibrate)
app.command(context_settings=PASSED_ON)(serve)
app.add_typer(eval_app)


@app.callback()
def counterfoil() -> None:
    """Contrastive decoding, and citations that have been checked."""
