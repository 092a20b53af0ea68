"""`counterfoil generate`: a prompt continued, or a question about an image answered, by contrast and plainly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import decoding as options
from .failing import guarded

if TYPE_CHECKING:
    from .continuing import Request
    from .looking import ImageRequest


@options.takes_method_parameters
def generate(
    method: Annotated[
        str,
        typer.Option(
            help=f"{options.names_of_methods(image=False)}; with --image {options.names_of_methods(image=True)}.",
            metavar="METHOD",
        ),
    ],
    prompt: Annotated[str | None, typer.Option(help="What to continue.", metavar="TEXT")] = None,
    contrast: Annotated[
        str | None, typer.Option(help="cad: the prompt without its context. cid: the other prompt.", metavar="TEXT")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to ask about.", metavar="FILE")] = None,
    question: Annotated[str | None, typer.Option(help="With --image: what is asked.", metavar="TEXT")] = None,
    model: options.Model = None,
    max_new_tokens: Annotated[int, typer.Option(help="Longest continuation in tokens.")] = 40,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    chat: Annotated[
        bool, typer.Option("--chat/--no-chat", help="Put the prompts into the model's chat template.")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Sample; otherwise the likeliest token is taken.")] = False,
    temperature: Annotated[float | None, typer.Option(help="With --sample: temperature. Default: 1.")] = None,
    top_p: Annotated[float | None, typer.Option(help="With --sample: nucleus. Default: 1, all tokens.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="With --sample or --image: same seed, same text. Default: 0.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Continue a prompt, or answer a question about an image, by a contrastive method and plainly, side by side."""
    with guarded(debug=debug):
        from counterfoil.decoding.by_name import Decoding  # noqa: PLC0415

        from .continuing import Request, Sampling  # noqa: PLC0415
        from .looking import ImageRequest  # noqa: PLC0415

        decoding = Decoding(method, options.one_each(parameters))
        texts = {"--prompt": prompt, "--contrast": contrast}
        drawn = {"temperature": temperature, "top_p": top_p}
        if image is None and question is None:
            if prompt is None:
                raise ValueError("--prompt is missing: give it, or --image and --question")
            sampling = Sampling.asked_for(sample, **drawn, seed=seed)
            _show(Request(decoding, prompt, contrast, chat, max_new_tokens, sampling), model, json)
            return
        if image is None or question is None:
            missing, there = ("--image", "--question") if image is None else ("--question", "--image")
            raise ValueError(f"{missing} is missing: it goes with {there}. Add it")
        if others := [name for name, text in texts.items() if text is not None] + (["--chat"] if chat else []):
            raise ValueError(f"{others[0]} has to be left out beside --image, whose prompt is made of --question")
        if model is None:
            raise ValueError(
                "--model is missing: name a vision-language model by hub id or folder, or scenes, the small one that "
                "is shipped and knows drawn scenes alone"
            )
        sampling = Sampling.asked_for(sample, **drawn, **({"seed": seed} if sample else {}))
        _show(ImageRequest(decoding, image, question, max_new_tokens, sampling, seed or 0), model, json)


def _show(request: Request | ImageRequest, model: str | None, json: bool) -> None:
    from counterfoil.models import load_language_model, load_vision_model  # noqa: PLC0415

    from .answering import quieten  # noqa: PLC0415
    from .continuing import Request, continued  # noqa: PLC0415
    from .looking import answered  # noqa: PLC0415
    from .progress import Steps  # noqa: PLC0415
    from .side_by_side import as_json, print_side_by_side  # noqa: PLC0415

    quieten()
    with Steps() as steps:
        with steps.step("Loading the model"):
            loaded: Any = load_language_model(model) if isinstance(request, Request) else load_vision_model(str(model))
        with steps.step("Decoding"):
            outcome = continued(request, loaded) if isinstance(request, Request) else answered(request, loaded)
    if json:
        typer.echo(as_json(outcome), nl=False)
    else:
        print_side_by_side(outcome)
