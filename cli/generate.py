"""`counterfoil generate`: a prompt continued by contrast and plainly, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from . import decoding as options
from .failing import guarded


@options.takes_method_parameters
def generate(
    method: Annotated[
        str, typer.Option(help="cad, cid, contrastive_decoding, dola or contrastive_search.", metavar="METHOD")
    ],
    prompt: Annotated[str, typer.Option(help="What to continue.", metavar="TEXT")],
    contrast: Annotated[
        str | None, typer.Option(help="cad: the prompt without its context. cid: the other prompt.", metavar="TEXT")
    ] = None,
    model: options.Model = None,
    max_new_tokens: Annotated[int, typer.Option(help="Longest continuation in tokens.")] = 40,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    chat: Annotated[
        bool, typer.Option("--chat/--no-chat", help="Put the prompts into the model's chat template.")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Sample; otherwise the likeliest token is taken.")] = False,
    temperature: Annotated[float | None, typer.Option(help="With --sample: temperature. Default: 1.")] = None,
    top_p: Annotated[float | None, typer.Option(help="With --sample: nucleus. Default: 1, all tokens.")] = None,
    seed: Annotated[int | None, typer.Option(help="With --sample: same seed, same text. Default: 0.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Continue a prompt by a contrastive method and plainly, side by side."""
    with guarded(debug=debug):
        from counterfoil.eval.decodings import Decoding  # noqa: PLC0415

        from .continuing import Request, Sampling  # noqa: PLC0415

        request = Request(
            decoding=Decoding(method, options.one_each(parameters)),
            prompt=prompt,
            contrast=contrast,
            chat=chat,
            max_new_tokens=max_new_tokens,
            sampling=Sampling.asked_for(sample, temperature=temperature, top_p=top_p, seed=seed),
        )
        _run(request, model, json)


def _run(request: Any, model: str | None, json: bool) -> None:  # noqa: ANN401  (the type would import torch)
    from counterfoil.models import load_language_model  # noqa: PLC0415

    from .answering import quieten  # noqa: PLC0415
    from .continuing import continued  # noqa: PLC0415
    from .progress import Steps  # noqa: PLC0415
    from .side_by_side import as_json, print_side_by_side  # noqa: PLC0415

    quieten()
    with Steps() as steps:
        with steps.step("Loading the language model"):
            language = load_language_model(model)
        with steps.step("Decoding"):
            outcome = continued(request, language)
    if json:
        typer.echo(as_json(outcome), nl=False)
    else:
        print_side_by_side(outcome)
