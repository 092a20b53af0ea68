"""A way to decode by its name, with the parameters that were given: what options, tables and requests speak of.

Importing this module loads neither torch nor transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from .methods import M3ID, METHODS, RITUAL, VCD
from .methods.method import Method, labelled
from .methods.parameters import Parameter

PLAIN = "none"
"""The name of plain decoding."""

COMBINATIONS: Mapping[str, tuple[Method, ...]] = {
    # The cut is the first one's, on the image alone; RITUAL's code has M3ID without a gate, and with the cut.
    "ritual+vcd": (VCD(), RITUAL(plausibility=0.0)),
    "ritual+m3id": (M3ID(gate=1.0, plausibility=0.1, max_weight=None), RITUAL(plausibility=0.0)),
}
"""What RITUAL's paper reports in one call, in the order of the logits processors; only `transform` and the other
method's own parameters (`noise_step`, `decay`) may be given."""
OF_COMBINATIONS = {"ritual+vcd": ("transform", "noise_step"), "ritual+m3id": ("transform", "decay")}


def method_names(*, image: bool) -> tuple[str, ...]:
    """Return the names of all methods that compare an image with a view of it, or of all that read text alone."""
    names = tuple(name for name, method in METHODS.items() if method.takes_image == image)
    return (*names, *COMBINATIONS) if image else names


def processor_class(method: Method) -> Any:  # noqa: ANN401  (a class)
    """Return the class of a method's logits processor.

    Raises:
        ValueError: The method names none, and is not of a kind that needs none.
    """
    if not method.processor:
        raise ValueError(f"`processor` of {type(method).__name__} has to name its logits processor, but is empty")
    module, _, name = method.processor.partition(":")
    return getattr(import_module(module), name)


def parameters_of(name: str) -> tuple[Parameter, ...]:
    """Return the parameters that a decoding of this name takes; none for plain decoding.

    Raises:
        ValueError: There is no method of this name.
    """
    if name == PLAIN:
        return ()
    if name in COMBINATIONS:
        found = {p.name: p for method in COMBINATIONS[name] for p in method.parameters()}
        return tuple(found[parameter] for parameter in OF_COMBINATIONS[name])
    if name not in METHODS:
        known = ", ".join((PLAIN, *METHODS, *COMBINATIONS))
        raise ValueError(f"`method` has to be one of {known}, but is {name!r}")
    return METHODS[name].parameters()


@dataclass(frozen=True)
class Decoding:
    """One way to decode.

    Args:
        method: A name of :data:`counterfoil.decoding.methods.METHODS` or :data:`COMBINATIONS`, or `"none"` for plain
            decoding.
        parameters: The method's own; those left out have the method's defaults. The amateur of contrastive decoding is
            `amateur` (a model, by hub id or folder), `early_exit` (a layer of the expert) or `cut_context` (how many
            last tokens of the prompt it reads); `amateur` and `cut_context` go together.

    Attributes:
        methods: The methods with their parameters, in the order of their logits processors.

    Raises:
        ValueError: An unknown method, a parameter that it does not have or that is out of range, or no amateur.
    """

    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[Method, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = [parameter.name for parameter in parameters_of(self.method)]
        for name in self.parameters:
            if name not in known:
                has = f"has {', '.join(known)}" if known else "has no parameters"
                raise ValueError(f"`{name}` has to be a parameter of {self.method}, but that {has}")
        object.__setattr__(self, "methods", self._made())

    def _made(self) -> tuple[Method, ...]:
        if self.method == PLAIN:
            return ()
        if self.method in COMBINATIONS:
            return tuple(_with(method, self.parameters) for method in COMBINATIONS[self.method])
        method = METHODS[self.method](**self.parameters)
        method.check_named()
        return (method,)

    @property
    def takes_contrast(self) -> bool:
        """Return whether it compares with another prompt, which may be given."""
        return any(method.contrast == "prompt" and not method.takes_image for method in self.methods)

    @property
    def needs_contrast(self) -> bool:
        """Return whether it compares with another prompt, which must be given."""
        return self.takes_contrast and not any(method.unconditional_tokens for method in self.methods)

    @property
    def takes_image(self) -> bool:
        """Return whether it compares an image with a view of it."""
        return any(method.takes_image for method in self.methods)

    @property
    def contrasts_layers(self) -> bool:
        """Return whether the contrast is an earlier layer of the same forward."""
        return any(m.contrast == "layer" or getattr(m, "early_exit", None) is not None for m in self.methods)

    @property
    def settings(self) -> dict[str, Any]:
        """Return all parameters by name, the defaults of those that were not given among them."""
        values = {name: value for method in self.methods for name, value in method.settings.items()}
        return {parameter.name: values[parameter.name] for parameter in parameters_of(self.method)}

    @property
    def label(self) -> str:
        """Return the method with its parameters, for a table."""
        shown = {p.name: self.settings[p.name] for p in parameters_of(self.method) if p.in_label}
        return labelled(self.method, shown)


def decodings(methods: str, parameters: Mapping[str, Any]) -> list[Decoding]:
    """Return the decodings of text that a command line names.

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
    accepted = {name: [parameter.name for parameter in parameters_of(name)] for name in names}
    if images := [name for name in names if name in method_names(image=True)]:
        raise ValueError(
            f"`method` has to be one that reads text alone here, but {images[0]} compares an image with a view of it: "
            f"counterfoil generate --image FILE --question TEXT --method {images[0]}"
        )
    check_accepted(given, accepted)
    return [
        decoding
        for name, known in accepted.items()
        for decoding in _product(name, {key: given[key] for key in known if key in given})
    ]


def check_accepted(given: Mapping[str, Any], accepted: Mapping[str, Sequence[str]]) -> None:
    """Reject a parameter that none of several methods has.

    Args:
        given: Values by the name of the parameter.
        accepted: The names of the parameters of each method.

    Raises:
        ValueError: There is such a parameter.
    """
    for name in given:
        if not any(name in known for known in accepted.values()):
            raise ValueError(f"`{name}` has to be a parameter of one of {', '.join(accepted)}, but is of none")


def _product(method: str, parameters: Mapping[str, Any]) -> list[Decoding]:
    combined: list[dict[str, Any]] = [{}]
    for name, value in parameters.items():
        values = value if isinstance(value, list) else [value]
        combined = [{**chosen, name: one} for chosen in combined for one in values]
    return [Decoding(method, chosen) for chosen in combined]


def _with(method: Method, parameters: Mapping[str, Any]) -> Method:
    return type(method)(**{**method.settings, **{k: v for k, v in parameters.items() if k in method.settings}})
