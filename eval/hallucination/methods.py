"""The ways to answer that are compared: decoding methods, and two controls of RITUAL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from counterfoil.decoding.by_name import Decoding, check_accepted, method_names, parameters_of

Control = Literal["temperature", "transformed"]
CONTROLS: tuple[Control, ...] = ("temperature", "transformed")
"""What RITUAL's own paper lacks: the same sharpening and cut without a second picture, and the second picture alone."""


def names() -> tuple[str, ...]:
    """Return the names of all ways to answer."""
    return ("none", *method_names(image=True), *CONTROLS)


@dataclass(frozen=True)
class Method:
    """A way to answer.

    Args:
        decoding: The decoding.
        control: `"temperature"`, RITUAL with the picture itself for the second view; `"transformed"`, an answer from
            RITUAL's second view alone; `None` for the decoding itself.
    """

    decoding: Decoding
    control: Control | None = None

    @property
    def name(self) -> str:
        """One of :func:`names`."""
        return self.control or self.decoding.method


def method(name: str, parameters: Mapping[str, Any] | None = None) -> Method:
    """A way to answer by its name.

    Raises:
        ValueError: An unknown name, or a parameter that it has not.
    """
    given = dict(parameters or {})
    for control in CONTROLS:
        if name == control:
            shown = {"transform": "identity"} if control == "temperature" else {}
            return Method(Decoding("ritual", given | shown), control)
    if name not in names():
        raise ValueError(f"`method` has to be one of {', '.join(names())}, but is {name!r}")
    return Method(Decoding(name, given))


def methods(named: str, parameters: Mapping[str, Any], *, controls: bool = False) -> list[Method]:
    """The ways to answer that a command line names.

    Args:
        named: Names with commas between them.
        parameters: Values by name, each for every method that has it; `None` is not given.
        controls: Whether RITUAL brings its controls along.

    Raises:
        ValueError: As :func:`method`, and for a parameter that none of the methods has.
    """
    asked = [name.strip() for name in named.split(",")]
    if controls and "ritual" in asked:
        place = asked.index("ritual")
        asked[place:place] = [name for name in CONTROLS if name not in asked]
    given = {name: value for name, value in parameters.items() if value is not None}
    accepted = {name: [p.name for p in parameters_of(method(name).decoding.method)] for name in asked}
    check_accepted(given, accepted)
    return [method(name, {key: value for key, value in given.items() if key in accepted[name]}) for name in asked]
