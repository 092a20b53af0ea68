"""The options that name the parameters of methods, made from the methods' own declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer
from counterfoil.decoding.by_name import method_names
from counterfoil.decoding.methods import METHODS
from counterfoil.decoding.methods.parameters import Parameter

Model = Annotated[
    str | None, typer.Option(help="Language model: hub id or folder. Default: SmolLM2-135M-Instruct.", metavar="MODEL")
]
Command = Callable[..., None]

METAVARS = {float: "NUMBER", int: "COUNT"}


def method_parameters(image: bool | None = None) -> dict[str, list[tuple[str, Parameter]]]:
    """Return the parameters of all methods by name, each with the methods that have it.

    Args:
        image: Only those of methods that compare images, or only those of methods that read text.
    """
    found: dict[str, list[tuple[str, Parameter]]] = {}
    for name, method in METHODS.items():
        if image is None or method.takes_image == image:
            for parameter in method.parameters():
                found.setdefault(parameter.name, []).append((name, parameter))
    return found


def takes_method_parameters(command: Command | None = None, *, image: bool | None = None) -> Any:  # noqa: ANN401
    """Give a command an option for every parameter of every method, in the place of its argument `parameters`.

    The command is called with `parameters`, a dictionary as :func:`one_each` and :func:`several_each` read it.

    Args:
        command: The command.
        image: As for :func:`method_parameters`.
    """
    if command is None:
        return lambda decorated: takes_method_parameters(decorated, image=image)
    hints = get_type_hints(command, include_extras=True)
    options = {name: _option(name, declared) for name, declared in method_parameters(image).items()}
    declared: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name == "parameters":
            declared += [
                inspect.Parameter(option, parameter.kind, default=None, annotation=annotation)
                for option, annotation in options.items()
            ]
        else:
            declared.append(parameter.replace(annotation=hints[name]))

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401  (typer's values)
        command(parameters={name: given.pop(name) for name in options}, **given)

    called.__annotations__ = {parameter.name: parameter.annotation for parameter in declared}
    called.__signature__ = inspect.Signature(declared)  # pyright: ignore[reportAttributeAccessIssue]
    return called


def names_of_methods(*, image: bool) -> str:
    """Return the names of methods in words, for the help of a command."""
    names = method_names(image=image)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def one_each(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were given, one value each.

    Raises:
        ValueError: A value of another form.
    """
    return {
        name: parameter.read(text) if isinstance(text, str) else text for name, parameter, text in _given(parameters)
    }


def several_each(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were given: of numbers and choices lists, with a value for each comma-separated part.

    Raises:
        ValueError: A value of another form.
    """
    found: dict[str, Any] = {}
    for name, parameter, text in _given(parameters):
        if parameter.is_number or parameter.choices:
            found[name] = [parameter.read(part) for part in text.split(",")]
        else:
            found[name] = parameter.read(text) if isinstance(text, str) else text
    return found


def _given(parameters: Mapping[str, Any]) -> list[tuple[str, Parameter, Any]]:
    known = method_parameters()
    return [(name, known[name][0][1], value) for name, value in parameters.items() if value is not None]


def _option(name: str, declared: list[tuple[str, Parameter]]) -> Any:  # noqa: ANN401  (an annotation)
    by_help: dict[str, list[str]] = {}
    for method, parameter in declared:
        default = parameter.default
        shown = f" {default:g}" if parameter.is_number and default is not None else ""
        by_help.setdefault(parameter.help, []).append(method + shown)
    text = " ".join(f"{', '.join(methods)}: {text}." for text, methods in by_help.items())
    flag, parameter = f"--{name.replace('_', '-')}", declared[0][1]
    if parameter.kind is bool:
        return Annotated[bool | None, typer.Option(f"{flag}/--no{flag[1:]}", help=text)]
    return Annotated[str | None, typer.Option(flag, help=text, metavar=METAVARS.get(parameter.kind, "NAME"))]
