"""The methods an answer can be decoded by: those that set the question with documents against the question alone.

Which they are, their parameters and their labels are what the methods declare. A method that was made for images serves
as well if its contrast is another prompt: the documents then stand where the image would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from counterfoil.decoding.by_name import PLAIN
from counterfoil.decoding.methods import CID, METHODS, Method
from counterfoil.decoding.methods.parameters import Parameter

PLAIN_LABEL = "Plain decoding"

CID_STRENGTHS = {"probability": 3.0, "log_ratio": 0.5}
"""The strength of contrastive input decoding against the question alone, by its rule. Its own default is for prompts
that differ by a word; where all documents are the difference, SmolLM2 then writes names and no sentences."""


def document_methods() -> dict[str, type[Method]]:
    """Return the methods that compare two prompts, or any number of them, by name."""
    return {name: method for name, method in METHODS.items() if compares_documents(method)}


def compares_documents(method: type[Method]) -> bool:
    """Return whether a method compares two prompts, or any number of them."""
    return method.contrast == "prompt" and method.contrasts in (0, 1)


def rule_parameters(method: type[Method]) -> tuple[Parameter, ...]:
    """Return the parameters of a method's rule; how its contrast is made is settled here."""
    return tuple(parameter for parameter in method.parameters() if not parameter.makes_contrast)


def chosen_method(
    name: str, parameters: dict[str, Any], methods: Iterable[type[Method]] | None = None
) -> Method | None:
    """Return a method by its name, `None` for plain decoding.

    Args:
        name: Of one of the methods, or `"none"`.
        parameters: Of its rule; those left out have the method's defaults.
        methods: Those to choose from; `None` for :func:`document_methods`.

    Raises:
        ValueError: There is no such method, it has no such parameter, or a value is out of its range.
    """
    known = document_methods() if methods is None else {method.name: method for method in methods}
    if name != PLAIN and name not in known:
        raise ValueError(f"`method` has to be one of {', '.join((*known, PLAIN))}, but is {name!r}")
    declared = [parameter.name for parameter in rule_parameters(known[name])] if name != PLAIN else []
    for given in parameters:
        if given not in declared:
            has = f"has {', '.join(declared)}" if declared else "has no parameters"
            raise ValueError(f"`{given}` has to be a parameter of {name}, but that {has}")
    if name == PLAIN:
        return None
    made = known[name](**document_defaults(known[name], parameters), **parameters)
    made.check_contrasts(1)
    return made


def document_defaults(method: type[Method], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters whose default is another one where the question without documents is the contrast.

    Args:
        method: The method.
        given: Its other parameters; those in it are left out.
    """
    given = given or {}
    if method is not CID or "strength" in given:
        return {}
    strength = CID_STRENGTHS.get(given.get("rule", CID.parameter("rule").default))
    return {} if strength is None else {"strength": strength}


def weighted_method(name: str, strength: float | None) -> Method | None:
    """Return a method whose contrast has a weight, `None` for plain decoding.

    Args:
        name: As for :func:`chosen_method`.
        strength: Value of the method's first parameter, which is what most methods call so; `None` for its default.

    Raises:
        ValueError: There is no such method, its first parameter is no number, or the value is out of range.
    """
    if strength is None:
        return chosen_method(name, {})
    plain = chosen_method(name, {})
    weight = rule_parameters(type(plain))[:1] if plain is not None else ()
    if not weight or not weight[0].is_number:
        raise ValueError(f"`strength` has to be left out for {name}, which has none, but is {strength!r}")
    return chosen_method(name, {weight[0].name: weight[0].checked(strength, "strength")})


def decoding_label(method: Method | None) -> str:
    """Return what a reader calls a decoding: title, first parameter, and those that are not at their default.

    Args:
        method: `None` for plain decoding.
    """
    if method is None:
        return PLAIN_LABEL
    shown = [
        f"{parameter.name.replace('_', ' ')} {_shown(value)}"
        for place, parameter in enumerate(rule_parameters(type(method)))
        if (value := getattr(method, parameter.name)) != parameter.default or place == 0
    ]
    return ", ".join((method.title, *shown))


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
