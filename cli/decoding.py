"""The options that name a method's parameters: one table, which every command that decodes takes whole."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Number = TypeVar("Number", int, float)

Model = Annotated[
    str | None, typer.Option(help="Language model: hub id or folder. Default: SmolLM2-135M-Instruct.", metavar="MODEL")
]

PARAMETERS: Mapping[str, Any] = {
    "strength": Annotated[
        str | None,
        typer.Option(help="cad, cid, contrastive_decoding, ritual, vcd: weight of the contrast.", metavar="NUMBER"),
    ],
    "plausibility": Annotated[
        str | None,
        typer.Option(
            help="cid (log_ratio), contrastive_decoding, dola, ritual, vcd, m3id: cut in [0, 1].", metavar="NUMBER"
        ),
    ],
    "rule": Annotated[str | None, typer.Option(help="cid: probability or log_ratio.", metavar="RULE")],
    "formulation": Annotated[str | None, typer.Option(help="contrastive_decoding: obrien or li.", metavar="NAME")],
    "amateur_temperature": Annotated[
        float | None, typer.Option(help="contrastive_decoding, li: the amateur's temperature.", metavar="NUMBER")
    ],
    "amateur": Annotated[
        str | None, typer.Option(help="contrastive_decoding: a smaller model of the same vocabulary.", metavar="MODEL")
    ],
    "early_exit": Annotated[
        int | None,
        typer.Option(help="contrastive_decoding: the amateur is the model up to this layer.", metavar="LAYER"),
    ],
    "cut_context": Annotated[
        int | None,
        typer.Option(
            help="contrastive_decoding: the amateur reads the last so many tokens of the prompt.", metavar="TOKENS"
        ),
    ],
    "layers": Annotated[
        str | None, typer.Option(help="dola: low, high, a layer or several with commas.", metavar="LAYERS")
    ],
    "norm": Annotated[
        bool | None,
        typer.Option("--norm/--no-norm", help="dola: early layers pass the final norm. The released code: --no-norm."),
    ],
    "penalty_alpha": Annotated[
        float | None, typer.Option(help="contrastive_search: weight of the penalty, 0 to 1.", metavar="NUMBER")
    ],
    "top_k": Annotated[int | None, typer.Option(help="contrastive_search: how many candidates.", metavar="COUNT")],
    "k": Annotated[
        float | None,
        typer.Option("--k", help="code: power in the divergence. The released command: 0.7.", metavar="NUMBER"),
    ],
    "description": Annotated[
        str | None,
        typer.Option(help="code: what stands for the image. Default: the model describes it.", metavar="TEXT"),
    ],
    "transform": Annotated[
        str | None,
        typer.Option(
            help="ritual: a transformation by name, or model to let the model choose. Default: drawn.", metavar="NAME"
        ),
    ],
    "normalize": Annotated[
        bool | None,
        typer.Option("--normalize/--no-normalize", help="ritual: the weighted mean of the views, not the sum."),
    ],
    "noise_step": Annotated[int | None, typer.Option(help="vcd: steps of noise, 0 to 999.", metavar="COUNT")],
    "decay": Annotated[float | None, typer.Option(help="m3id: how fast the image is forgotten.", metavar="NUMBER")],
    "gate": Annotated[
        float | None, typer.Option(help="m3id: tokens of this probability or more are left alone.", metavar="NUMBER")
    ],
    "max_weight": Annotated[
        float | None, typer.Option(help="m3id: the most that the contrast may weigh.", metavar="NUMBER")
    ],
    "offset": Annotated[
        int | None, typer.Option(help="m3id: tokens that count as written at the start.", metavar="COUNT")
    ],
}
"""The parameters of all methods under their Python names."""

NUMBERS = ("strength", "plausibility")
"""Those of which a command that compares methods takes several, with commas between them."""


def takes_method_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command an option for every parameter of every method, in the place of its argument `parameters`.

    The command is called with `parameters`, a dictionary as :func:`one_each` and :func:`several_each` read it.
    """
    hints = get_type_hints(command, include_extras=True)
    declared: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name == "parameters":
            declared += [
                inspect.Parameter(option, parameter.kind, default=None, annotation=annotation)
                for option, annotation in PARAMETERS.items()
            ]
        else:
            declared.append(parameter.replace(annotation=hints[name]))

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401  (typer's values)
        command(parameters={name: given.pop(name) for name in PARAMETERS}, **given)

    called.__annotations__ = {parameter.name: parameter.annotation for parameter in declared}
    called.__signature__ = inspect.Signature(declared)  # pyright: ignore[reportAttributeAccessIssue]
    return called


def one_each(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, one value each.

    Raises:
        ValueError: A value of another form.
    """
    return _given(parameters, lambda name, text: _parsed(name, text, float))


def several_each(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, those of :data:`NUMBERS` as lists.

    Raises:
        ValueError: A value of another form.
    """
    return _given(parameters, lambda name, text: [_parsed(name, part, float) for part in text.split(",")])


def _given(parameters: Mapping[str, Any], read: Callable[[str, str], Any]) -> dict[str, Any]:
    found = {name: value for name, value in parameters.items() if value is not None}
    found |= {name: read(name, found[name]) for name in NUMBERS if name in found}
    if "layers" in found and found["layers"] not in ("low", "high"):
        found["layers"] = tuple(_parsed("layers", part, int) for part in found["layers"].split(","))
    return found


def _parsed(option: str, text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"--{option} has to be a number, but is {text!r}") from error
