"""The options of :mod:`.method_options` for the commands that are typer's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from .method_options import METAVARS, flags, help_text, method_parameters, one_each, several_each

__all__ = ["Model", "one_each", "several_each", "takes_method_parameters"]

Model = Annotated[
    str | None, typer.Option(help="Language model: hub id or folder. Default: SmolLM2-135M-Instruct.", metavar="MODEL")
]
Command = Callable[..., None]


def takes_method_parameters(command: Command | None = None, *, image: bool | None = None) -> Any:  # noqa: ANN401
    """Give a command an option for every parameter of every method, in the place of its argument `parameters`.

    Args:
        command: The command.
        image: As for :func:`.method_options.method_parameters`.
    """
    if command is None:
        return lambda decorated: takes_method_parameters(decorated, image=image)
    hints = get_type_hints(command, include_extras=True)
    options: dict[str, Any] = {}
    for name, having in method_parameters(image).items():
        parameter = having[0][1]
        kind = bool if parameter.kind is bool else str
        metavar = None if kind is bool else METAVARS.get(parameter.kind, "NAME")
        options[name] = Annotated[kind | None, typer.Option(flags(parameter), help=help_text(having), metavar=metavar)]
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
