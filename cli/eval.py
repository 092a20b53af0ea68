"""`counterfoil eval`, handed on to its typer commands as they are."""

from __future__ import annotations

import click


@click.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
@click.pass_context
def eval(ctx: click.Context) -> None:
    """Measure decoding methods and entailment models on published tasks."""
    from .evaluate import eval_app

    eval_app(args=ctx.args, prog_name=ctx.command_path)
