"""Methods as a server describes them to its clients, which need not know its own rules.

GET /v1/counterfoil/methods    {"methods": [{"name": "halved", "title": ..., "parameters": [...]}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..methods import Method, rule_class
from ..methods.method import Contrast
from ..methods.parameters import Parameter, parameter

PATH = "/v1/counterfoil/methods"
"""Where a server describes its methods."""

KINDS = {"float": float, "int": int, "bool": bool, "str": str}
"""The types of values that can be described."""

_RANGE = ("at_least", "above", "at_most", "is_optional")


def describe(methods: Iterable[type[Method]]) -> list[dict[str, Any]]:
    """Return methods as JSON, with the parameters of their rules that a request may give.

    A parameter of another kind than :data:`KINDS` is left out: without it a request has its default.
    """
    return [
        {
            "name": method.name,
            "title": method.title,
            "summary": method.summary,
            "contrast": method.contrast,
            "contrasts": method.contrasts,
            "parameters": [_described(each) for each in method.parameters() if _can_be_described(each)],
        }
        for method in methods
    ]


def declared(description: Mapping[str, Any]) -> type[Method]:
    """Return a method that declares what a description says; its scores are made by the server alone.

    Raises:
        ValueError: It describes no method; says why.
    """
    try:
        made = rule_class(
            _made_elsewhere,
            str(description["name"]),
            contrasts=max(1, int(description["contrasts"])),
            parameters={each["name"]: _declared(each) for each in description["parameters"]},
        )
        made.title, made.summary = str(description["title"]), str(description["summary"])
        made.contrast = cast("Contrast", str(description["contrast"]))
        made()  # its defaults are in its ranges
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{PATH} has to describe methods, but {error!r} in {str(description)[:80]}") from error
    return made


def _made_elsewhere(*_: object) -> None:
    """Made by the server that described it."""
    raise ValueError("this rule has to be used with the server that described it, because it stands nowhere else")


def _can_be_described(one: Parameter) -> bool:
    return one.is_served and not one.makes_contrast and one.check is None and one.kind in KINDS.values()


def _described(one: Parameter) -> dict[str, Any]:
    ranged = {name: getattr(one, name) for name in _RANGE}
    choices = list(one.served_choices or one.choices)
    return {
        "name": one.name,
        "kind": one.kind.__name__,
        "default": one.default,
        "help": one.help,
        "choices": choices,
        **ranged,
    }


def _declared(described: Mapping[str, Any]) -> Any:  # noqa: ANN401  (a field)
    return parameter(
        described["default"],
        help=str(described["help"]),
        kind=KINDS[described["kind"]],
        choices=tuple(map(str, described["choices"])),
        **{name: described[name] for name in _RANGE},
    )
