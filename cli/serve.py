"""`counterfoil serve`: `vllm serve` with contrasts."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from .failing import guarded


class ServeCommand(TyperCommand):
    """Hands `--help=all` and `--help=GROUP` on: they are vLLM's. The parser here knows a `--help` without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  (typer's own copy of click)
        """As ever, with those put behind what is handed on."""
        theirs = [argument for argument in args if argument.startswith("--help=")]
        super().parse_args(ctx, [argument for argument in args if argument not in theirs])
        ctx.args += theirs
        return ctx.args


PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For typer: what this command does not know is vLLM's."""


def serve(
    context: typer.Context,
    amateur: Annotated[
        str | None,
        typer.Option(
            help="Serve contrastive decoding against this smaller model of the same family and vocabulary: hub id or "
            "folder. Default: contrasts are other prompts of the one model.",
            metavar="MODEL",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Serve a model to OpenAI clients, with contrasts: counterfoil serve MODEL [any option of vllm serve].

    Without MODEL, or for smollm2, it is SmolLM2-135M-Instruct. vLLM's own options: counterfoil serve MODEL --help=all.
    A request asks for a contrast in `vllm_xargs`, see docs/serving.md. COUNTERFOIL_DISABLE=1 serves without.
    """
    with guarded(debug=debug):
        from .serving import serve_model  # noqa: PLC0415

        options = list(context.args)
        model = options.pop(0) if options and not options[0].startswith("-") else None
        serve_model(model, options, amateur)
