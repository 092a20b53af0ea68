"""A decoding method by its name, with the parameters that were asked for. Light: nothing is loaded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "cad": ("strength",),
    "cid": ("strength", "rule", "plausibility"),
    "contrastive_decoding": (
        "strength",
        "plausibility",
        "formulation",
        "amateur_temperature",
        "amateur",
        "early_exit",
        "cut_context",
    ),
    "dola": ("layers", "plausibility", "norm"),
    "contrastive_search": ("penalty_alpha", "top_k"),
    "code": ("k", "description"),
    "ritual": ("strength", "plausibility", "normalize", "transform"),
    "vcd": ("strength", "plausibility", "noise_step"),
    "m3id": ("decay", "gate", "plausibility", "max_weight", "offset"),
    "ritual+vcd": ("transform", "noise_step"),
    "ritual+m3id": ("transform", "decay"),
}
"""The parameters of each method, named as in its logits processor; `"none"` is plain decoding."""

WITH_CONTRAST = ("cad", "cid")
"""The methods that compare with another prompt."""

WITH_IMAGE = ("code", "ritual", "vcd", "m3id", "ritual+vcd", "ritual+m3id")
"""The methods that compare an image with a view of it; all other parameters of a combination are the paper's."""


@dataclass(frozen=True)
class Decoding:
    """One way to decode.

    Args:
        method: A name of :data:`PARAMETERS`.
        parameters: The method's own, those left out take the method's defaults. The amateur of contrastive decoding is
            `amateur` (a model, by hub id or folder), `early_exit` (a layer of the expert) or `cut_context` (how many
            last tokens of the prompt it reads); `amateur` and `cut_context` go together.

    Raises:
        ValueError: An unknown method, or a parameter that it has not, or no amateur. Ranges are checked by the method.
    """

    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.method not in PARAMETERS:
            raise ValueError(f"`method` has to be one of {', '.join(PARAMETERS)}, but is {self.method!r}")
        accepted = PARAMETERS[self.method]
        for name in self.parameters:
            if name not in accepted:
                known = f"has {', '.join(accepted)}" if accepted else "has no parameters"
                raise ValueError(f"`{name}` has to be a parameter of {self.method}, but that {known}")
        if self.method == "contrastive_decoding":
            _check_amateur(self.parameters)

    @property
    def takes_contrast(self) -> bool:
        """Whether the method compares with another prompt."""
        return self.method in WITH_CONTRAST

    @property
    def takes_image(self) -> bool:
        """Whether the method compares an image with a view of it."""
        return self.method in WITH_IMAGE


def decodings(methods: str, parameters: Mapping[str, Any]) -> list[Decoding]:
    """The decodings of text that a command line names.

    Each parameter goes to every method that has it. A list of values makes as many decodings.

    Args:
        methods: Names with commas between them.
        parameters: Values by name; `None` is not given, a list is one after the other.

    Raises:
        ValueError: As :class:`Decoding`, for a method that needs an image, and for a parameter that none of the methods
            has.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    names = [name.strip() for name in methods.split(",")]
    if images := [name for name in names if name in WITH_IMAGE]:
        raise ValueError(
            f"`method` has to be one that reads text alone here, but {images[0]} compares an image with a view of it: "
            f"counterfoil generate --image FILE --question TEXT --method {images[0]}"
        )
    accepted = {parameter for name in names for parameter in PARAMETERS.get(name, ())}
    for name in given:
        if name not in accepted:
            raise ValueError(f"`{name}` has to be a parameter of one of {', '.join(names)}, but is of none")
    return [
        decoding
        for name in names
        for decoding in _product(name, {key: given[key] for key in PARAMETERS.get(name, ()) if key in given})
    ]


def _product(method: str, parameters: Mapping[str, Any]) -> list[Decoding]:
    combined: list[dict[str, Any]] = [{}]
    for name, value in parameters.items():
        values = value if isinstance(value, list) else [value]
        combined = [{**chosen, name: one} for chosen in combined for one in values]
    return [Decoding(method, chosen) for chosen in combined]


def _check_amateur(parameters: Mapping[str, Any]) -> None:
    amateurs = [name for name in ("amateur", "early_exit", "cut_context") if name in parameters]
    if not amateurs:
        raise ValueError(
            "`amateur` has to be given for contrastive_decoding, but is missing: name a smaller model as `amateur`, a "
            "layer as `early_exit` (for example 15) or a number of tokens as `cut_context` (for example 1)"
        )
    if "early_exit" in amateurs and len(amateurs) > 1:
        raise ValueError(f"`early_exit` has to be the only amateur, but {' and '.join(amateurs)} are given")
