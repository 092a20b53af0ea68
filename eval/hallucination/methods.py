"""The methods that compare a picture with another view of it, by name, and the two controls beside them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterfoil.decoding import (
    CODELogitsProcessor,
    M3IDLogitsProcessor,
    RITUALLogitsProcessor,
    VCDLogitsProcessor,
)

PROCESSORS: Mapping[str, type[Any]] = {
    "vcd": VCDLogitsProcessor,
    "ritual": RITUALLogitsProcessor,
    "code": CODELogitsProcessor,
    "m3id": M3IDLogitsProcessor,
}
CONTROLS = ("temperature", "transformed")
"""What RITUAL's own paper lacks: the same sharpening and cut without a second picture, and the second picture alone."""

NAMES = ("none", *PROCESSORS, *CONTROLS)
PARAMETERS = ("alpha", "beta", "noise_step", "k", "decay", "gate", "offset", "transform", "normalize")


@dataclass(frozen=True)
class Method:
    """A way to answer.

    Args:
        name: One of :data:`NAMES`. `none` is plain decoding; `temperature` is RITUAL with the picture itself for the
            second view; `transformed` answers from RITUAL's second view alone.
        parameters: Those of the method's `from_image`; the ones left out have its defaults.

    Raises:
        ValueError: An unknown method, or a parameter that it has not.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"`method` has to be one of {', '.join(NAMES)}, but is {self.name!r}")
        for name in self.parameters:
            if name not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise ValueError(f"`{name}` has to be a parameter of {self.name}, but that has {known}")

    @property
    def defaults(self) -> dict[str, Any]:
        """The method's parameters with their defaults."""
        if self.name == "none":
            return {}
        declared = inspect.signature(PROCESSORS.get(self.name, RITUALLogitsProcessor).from_image).parameters
        known = {name: declared[name].default for name in PARAMETERS if name in declared}
        if self.name == "temperature":
            del known["transform"], known["normalize"]
        return {"transform": known["transform"]} if self.name == "transformed" else known

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters, the defaults of those that were not given among them."""
        return {**self.defaults, **self.parameters}

    @property
    def label(self) -> str:
        """The method with its parameters, for a table; what is off is not said."""
        shown = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                 for name, value in self.settings.items() if value is not None and value is not False]  # fmt: skip
        return f"{self.name} ({', '.join(shown)})" if shown else self.name


def methods(names: str, parameters: Mapping[str, Any], *, controls: bool = False) -> list[Method]:
    """The methods that a command line names.

    Args:
        names: Names with commas between them.
        parameters: Values by name, each for every method that has it; `None` is not given.
        controls: Whether RITUAL brings its controls along.

    Raises:
        ValueError: As :class:`Method`, and for a parameter that none of the methods has.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    asked = [name.strip() for name in names.split(",")]
    if controls and "ritual" in asked:
        place = asked.index("ritual")
        asked[place:place] = [name for name in CONTROLS if name not in asked]
    plain = [Method(name) for name in asked]
    for name in given:
        if not any(name in method.defaults for method in plain):
            raise ValueError(f"`{name}` has to be a parameter of one of {names}, but is of none")
    return [Method(m.name, {k: v for k, v in given.items() if k in m.defaults}) for m in plain]
