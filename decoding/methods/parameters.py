"""The declaration of a method's parameters, and their checks in the wording of transformers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, replace
from typing import Any

DECLARED = "counterfoil"
"""Key of a :class:`Parameter` in the metadata of a dataclass field."""
LARGEST = 1e6
"""Upper bound for any factor applied to logits: far above useful values, far below float32 overflow."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method, as :func:`parameter` declares it.

    Args:
        name: Its name.
        annotation: The annotation of its field.
        default: Its default.
        kind: The type of its values: float, int, bool or str; another type is described by `check` and `parse`.
        help: What it does, in one line.
        letter: The paper's letter for it, if it has one.
        at_least: The smallest value, if there is one.
        above: A value that it has to be above.
        at_most: The largest value.
        choices: The values of a str.
        is_optional: Whether `None` is a value.
        makes_contrast: Whether it says how the contrast is made; otherwise it is a parameter of the rule.
        is_served: Whether a request to a server may give it.
        served_choices: The values that a request to a server may give, if they are fewer.
        in_label: Whether labels show it.
        check: Returns the value of a kind of its own in its normal form, or raises `ValueError`.
        parse: Reads the text of a command line.
        range: The range in words, if it is of a kind of its own.
    """

    name: str
    annotation: Any
    default: Any
    kind: type
    help: str
    letter: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    is_optional: bool = False
    makes_contrast: bool = False
    is_served: bool = True
    served_choices: tuple[str, ...] = ()
    in_label: bool = True
    check: Callable[[str, Any], Any] | None = None
    parse: Callable[[str], Any] | None = None
    range: str = ""

    @property
    def is_number(self) -> bool:
        """Return whether its values are numbers."""
        return self.kind in (float, int)

    def of_field(self, declared: Field[Any]) -> Parameter:
        """Return the declaration with the name and the annotation of its field."""
        return replace(self, name=declared.name, annotation=declared.type)

    def checked(self, value: object, name: str | None = None) -> Any:  # noqa: ANN401
        """Return a value that is in range, in its normal form.

        Args:
            value: What was given.
            name: How the message calls it, if not by its own name.

        Raises:
            ValueError: The value is out of range.
        """
        name = name or self.name
        if value is None and self.is_optional:
            return None
        return self._in_range(name, value)

    def _in_range(self, name: str, value: Any) -> Any:  # noqa: ANN401
        if self.check is not None:
            return self.check(name, value)
        if self.kind is bool:
            return check_flag(name, value)
        if self.choices:
            check_choice(name, value, self.choices)
        elif self.kind is str:
            check_text(name, value)
        elif self.kind is int:
            check_integer(name, value, int(self.at_least or 0))
            if self.at_most is not None and value > self.at_most:
                raise ValueError(f"`{name}` has to be at most {self.at_most:g}, but is {value!r}")
        elif self.above is not None:
            check_above(name, value, self.above)
        elif self.at_most == 1:
            check_share(name, value)
        else:
            check_at_least(name, value, self.at_least or 0)
        return float(value) if self.kind is float else value

    def read(self, text: str) -> Any:  # noqa: ANN401
        """Return the value that the text of a command line means, unchecked.

        Raises:
            ValueError: The text is no value of its kind.
        """
        option = f"--{self.name.replace('_', '-')}"
        if self.parse is not None:
            return self.parse(text)
        if self.kind is bool:
            if text.lower() not in ("true", "false"):
                raise ValueError(f"{option} has to be true or false, but is {text!r}")
            return text.lower() == "true"
        if not self.is_number:
            return text
        try:
            return self.kind(text)
        except ValueError as error:
            number = "an integer" if self.kind is int else "a number"
            raise ValueError(f"{option} has to be {number}, but is {text!r}") from error

    @property
    def described_range(self) -> str:
        """Return the range in words, for a table."""
        if self.range:
            return self.range
        if self.kind is bool:
            return "true or false"
        if self.choices:
            return ", ".join(f"`{choice}`" for choice in self.choices)
        if not self.is_number:
            return ""
        if self.above is not None:
            bounds = f"above {self.above:g}"
        elif self.at_most is not None:
            bounds = f"{self.at_least or 0:g} to {self.at_most:g}"
        else:
            bounds = f"at least {self.at_least or 0:g}"
        return f"{bounds}, or none" if self.is_optional else bounds


def parameter(
    default: Any,  # noqa: ANN401
    *,
    help: str,
    kind: type | None = None,
    **declared: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Declare a field of a method; the arguments are those of :class:`Parameter`.

    Args:
        default: Its default.
        help: What it does, in one line.
        kind: The type of its values; by default that of `default`.
        **declared: Range, letter and the like.
    """
    made = Parameter("", Any, default, kind or type(default), help, **declared)
    return field(default=default, metadata={DECLARED: made})


def strength(default: float, **declared: Any) -> Any:  # noqa: ANN401
    """Declare how much the contrast weighs; 0 is the main view alone."""
    return parameter(default, help="weight of the contrast, 0 for none", at_least=0, **declared)


def plausibility(default: float, **declared: Any) -> Any:  # noqa: ANN401
    """Declare the plausibility cut: tokens below this share of the largest probability are masked."""
    text = "cut: tokens below this share of the largest probability are masked; 0 cuts nothing"
    return parameter(default, help=text, at_least=0, at_most=1, **declared)


def check_at_least(name: str, value: float, least: float) -> None:
    """Reject what is no number from `least` to :data:`LARGEST`."""
    if not _is_number(value) or value < least:
        raise ValueError(f"`{name}` has to be a number of at least {least:g}, but is {value!r}")
    if value > LARGEST:
        raise ValueError(f"`{name}` has to be a number of at most {LARGEST:g}, but is {value!r}")


def check_above(name: str, value: float, bound: float) -> None:
    """Reject what is no finite number above `bound`."""
    if not _is_number(value) or value <= bound:
        raise ValueError(f"`{name}` has to be a number above {bound:g}, but is {value!r}")


def check_share(name: str, value: float) -> None:
    """Reject what is no number in [0, 1]."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` has to be in [0, 1], but is {value!r}")


def check_integer(name: str, value: int, least: int) -> None:
    """Reject what is no integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"`{name}` has to be an integer of at least {least}, but is {value!r}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Reject what is none of `choices`."""
    if value not in choices:
        raise ValueError(f"`{name}` has to be one of {', '.join(map(repr, choices))}, but is {value!r}")


def check_flag(name: str, value: object) -> bool:
    """Return a truth value; reject what is none.

    JSON's true reaches an engine as 1: `vllm_xargs` takes numbers and texts only.
    """
    if value not in (True, False):
        raise ValueError(f"`{name}` has to be true or false, but is {value!r}")
    return bool(value)


def check_text(name: str, value: object) -> None:
    """Reject what is no text, or an empty one."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"`{name}` has to be a text, but is {value!r}")


def _is_number(value: object) -> bool:
    # By comparison: an integer may be too large for the functions of floating point, which then raise.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
