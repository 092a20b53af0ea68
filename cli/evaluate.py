"""`counterfoil eval`: published protocols on a model of one's own, and entailment models on labelled data."""

from __future__ import annotations

import typer

from .evaluate_attributionbench import attributionbench
from .evaluate_chair import chair
from .evaluate_entailment import entailment
from .evaluate_laquer import laquer
from .evaluate_list import tasks
from .evaluate_pope import pope
from .evaluate_run import run

eval_app = typer.Typer(
    name="eval",
    help="Measure methods on a model beside plain decoding, and entailment models on labelled data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
eval_app.command("list")(tasks)
eval_app.command()(run)
eval_app.command()(entailment)
eval_app.command()(attributionbench)
eval_app.command()(laquer)
eval_app.command()(pope)
eval_app.command()(chair)
