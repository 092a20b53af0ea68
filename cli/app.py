"""The commands, each in a file of its own; none of them imports torch before it runs."""

from __future__ import annotations

import typer

from .ask import ask
from .calibrate import calibrate
from .evaluate import eval_app
from .export import export
from .generate import generate
from .locate import locate
from .score import score
from .serve import PASSED_ON, ServeCommand, serve
from .view import view

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
app.command()(locate)
app.command()(score)
app.command()(view)
app.command()(export)
app.command()(calibrate)
app.command(cls=ServeCommand, context_settings=PASSED_ON)(serve)
app.add_typer(eval_app)


@app.callback()
def counterfoil() -> None:
    """Contrastive decoding, and citations that have been checked."""
