"""Options that name methods and their parameters, made from the methods' own declarations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click
from counterfoil.decoding.by_name import method_names
from counterfoil.decoding.methods import METHODS
from counterfoil.decoding.methods.parameters import Parameter

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


def method_options(command: Callable[..., Any], *, image: bool | None = None) -> Callable[..., Any]:
    """Add an option for every parameter of every method; the command is called with `parameters`, the given ones.

    Args:
        command: The command.
        image: As for :func:`method_parameters`.
    """
    declared = method_parameters(image)

    @functools.wraps(command)
    def called(*args: Any, **given: Any) -> Any:  # noqa: ANN401  (click's values)
        parameters = {name: given.pop(name) for name in declared}
        return command(*args, parameters={n: v for n, v in parameters.items() if v is not None}, **given)

    decorated: Callable[..., Any] = called
    for name, having in reversed(declared.items()):
        parameter = having[0][1]
        options: dict[str, Any] = {"metavar": METAVARS.get(parameter.kind, "NAME")}
        if parameter.kind is bool:
            options = {"is_flag": True, "default": None}
        decorated = click.option(flags(parameter), name, help=help_text(having), **options)(decorated)
    return decorated


def flags(parameter: Parameter) -> str:
    """Return how a parameter is written on a command line."""
    flag = f"--{parameter.name.replace('_', '-')}"
    return f"{flag}/--no{flag[1:]}" if parameter.kind is bool else flag


def help_text(having: list[tuple[str, Parameter]]) -> str:
    """Return which methods have a parameter, with their defaults, and what it does."""
    by_help: dict[str, list[str]] = {}
    for method, parameter in having:
        shown = f" {parameter.default:g}" if parameter.is_number and parameter.default is not None else ""
        by_help.setdefault(parameter.help, []).append(method + shown)
    return " ".join(f"{', '.join(methods)}: {text}." for text, methods in by_help.items())


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
        name: parameter.read(given) if isinstance(given, str) else given
        for name, parameter, given in _given(parameters)
    }


def several_each(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were given; of numbers and choices a list, a value for each part between commas.

    Raises:
        ValueError: A value of another form.
    """
    found = one_each({name: None if _is_listed(p) else given for name, p, given in _given(parameters)})
    for name, parameter, given in _given(parameters):
        if _is_listed(parameter):
            found[name] = [parameter.read(part) for part in given.split(",")]
    return found


def _is_listed(parameter: Parameter) -> bool:
    return parameter.is_number or bool(parameter.choices)


def _given(parameters: Mapping[str, Any]) -> list[tuple[str, Parameter, Any]]:
    known = method_parameters()
    return [(name, known[name][0][1], value) for name, value in parameters.items() if value is not None]
