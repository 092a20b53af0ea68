"""What the page offers of the methods, as they declare it, and what a reader's choice means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from counterfoil.decoding.by_name import PLAIN
from counterfoil.decoding.methods import Method
from counterfoil.decoding.methods.parameters import Parameter

from ..contrasts import PLAIN_LABEL, chosen_method, document_defaults, rule_parameters

Choice = Mapping[str, Any]
"""`{"method": its name, "parameters": values by name}`; numbers are numbers, several of them a text."""

FROM_IMAGES = "made for images, whose place the documents take here"


def offered(methods: Iterable[type[Method]]) -> list[dict[str, Any]]:
    """Return what the page shows of each method, and of plain decoding behind them.

    Args:
        methods: That the engine can decode by.
    """
    plain = {"name": PLAIN, "title": PLAIN_LABEL, "about": "what the model writes without a contrast"}
    return [*map(_described, methods), {**plain, "parameters": []}]


def chosen(choice: object, methods: Iterable[type[Method]]) -> Method | None:
    """Return the method that the page's reader has chosen; `None` is plain decoding.

    Args:
        choice: A :data:`Choice`, as it came.
        methods: Those that were offered.

    Raises:
        ValueError: It is something else, or a value is out of its range.
    """
    if not isinstance(choice, dict) or choice.keys() != {"method", "parameters"}:
        raise ValueError("a decoding has to hold a method and its parameters, and nothing else")
    name, given = choice["method"], choice["parameters"]
    if not isinstance(name, str) or not isinstance(given, dict):
        raise ValueError("a decoding has to hold the name of a method, and its parameters by name")
    offered = tuple(methods)
    declared = {p.name: p for method in offered if method.name == name for p in method.parameters()}
    return chosen_method(name, {key: _read(declared.get(key), value) for key, value in given.items()}, offered)


def _described(method: type[Method]) -> dict[str, Any]:
    about = "; ".join(filter(None, (method.summary, FROM_IMAGES if method.takes_image else "")))
    defaults = document_defaults(method)
    parameters = [_declared(parameter, defaults.get(parameter.name)) for parameter in rule_parameters(method)]
    return {"name": method.name, "title": method.title, "about": about, "parameters": parameters}


def _declared(parameter: Parameter, default: object = None) -> dict[str, Any]:
    described = parameter.described_range.replace("`", "")
    return {
        "name": parameter.name,
        "label": parameter.name.replace("_", " "),
        "help": "; ".join(filter(None, (parameter.help, described))),
        "default": _shown(parameter.default if default is None else default),
        "kind": _kind(parameter),
        "whole": parameter.kind is int,
        "least": _least(parameter) if parameter.is_number else None,
        "most": parameter.at_most,
        "choices": list(parameter.choices),
        "optional": parameter.is_optional,
    }


def _kind(parameter: Parameter) -> str:
    if parameter.is_number:
        return "number"
    if parameter.kind is bool:
        return "flag"
    return "choice" if parameter.choices else "text"


def _least(parameter: Parameter) -> float:
    """Return the smallest value, or the one that it has to be above."""
    return parameter.above if parameter.above is not None else parameter.at_least or 0.0


def _shown(value: object) -> object:
    """Return a default as it stands in a field: several numbers are a text."""
    return " ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else value


def _read(parameter: Parameter | None, value: object) -> object:
    if parameter is None or parameter.parse is None or not isinstance(value, str):
        return value
    try:
        return parameter.read(value)
    except ValueError as error:  # in the words of a command line
        raise ValueError(str(error).replace(f"--{parameter.name.replace('_', '-')}", f"`{parameter.name}`")) from error
