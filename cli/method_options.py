"""An option for every parameter of every decoding method."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, get_args

import click

from .decoding import PARAMETERS


def method_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for every parameter of every method; the command is called with `parameters`, the given ones."""

    @functools.wraps(command)
    def called(*args: Any, **given: Any) -> Any:  # noqa: ANN401  (click's values)
        parameters = {name: given.pop(name) for name in PARAMETERS}
        return command(*args, parameters={n: v for n, v in parameters.items() if v is not None}, **given)

    decorated: Callable[..., Any] = called
    for name, annotated in reversed(PARAMETERS.items()):
        types, info = get_args(annotated)
        kind = next(one for one in get_args(types) if one is not type(None))
        flags = [one for one in (info.param_decls or ()) if one.startswith("-")] or [f"--{name.replace('_', '-')}"]
        option = {"is_flag": True, "default": None} if kind is bool else {"type": kind, "metavar": info.metavar}
        decorated = click.option(*flags, name, help=info.help, **option)(decorated)
    return decorated
