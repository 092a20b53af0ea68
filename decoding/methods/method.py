"""The shape of a method: a frozen dataclass whose fields are its parameters and whose `scores` is its rule.

Everything else about a method is derived from these fields: the arguments of its logits processor, the `cf_` keys that
a server takes, the options of the command line, the labels of evaluation tables and the parameter tables of the
documentation.

The modules of this folder work on tensors by the tensors' own methods. Importing them loads no torch, so that the
command line can list the methods at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeGuard

from .parameters import DECLARED, Parameter

if TYPE_CHECKING:
    from torch import Tensor

Contrast = Literal["prompt", "image", "model", "layer", "candidates"]
"""What a method compares the main sequence with: the same continuation behind another prompt or another image, another
model's view of it, an earlier layer, or the other candidates for the next token."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """Base of all methods.

    A method is a subclass with the same decorator; its parameters are fields made by :func:`.parameters.parameter` and
    its rule is `scores`:

        @dataclass(frozen=True, kw_only=True)
        class Halved(Method):
            name = "halved"
            title = "Half of the contrast"
            contrast = "prompt"

            strength: float = strength(0.5)

            def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
                return extrapolate(main, contrast, self.strength / 2)

    Raises:
        ValueError: A parameter is out of its range; the message names it, its value and the range.
    """

    name: ClassVar[str]
    """What requests, options and tables call it."""
    title: ClassVar[str]
    """Its name in running text."""
    summary: ClassVar[str] = ""
    """What it does, in one line."""
    compares: ClassVar[str] = ""
    """What it compares, in one line."""
    paper: ClassVar[str] = ""
    """Authors, year, address and equation, in Markdown."""
    contrast: ClassVar[Contrast]
    contrast_name: ClassVar[str] = "contrast"
    """What arguments and keys call another prompt that it compares with: `negative` makes it `cf_negative_prompt`."""
    unconditional_tokens: ClassVar[int] = 0
    """How many last tokens of the main prompt it compares with if no other prompt is given; 0 if one must be given."""
    takes_image: ClassVar[bool] = False
    """Whether its contrast is made from an image of the main prompt."""
    needs_step: ClassVar[bool] = False
    """Whether `scores` and `coefficients` take `step`, the number of tokens generated so far."""
    contrasts: ClassVar[int] = 1
    """How many contrasts `scores` reads: with more than one, `contrast` is `[contrasts, rows, vocab]`; 0 is any number,
    see :meth:`check_contrasts`."""
    processor: ClassVar[str] = ""
    """Where its logits processor stands, as `"package.module:Class"`; empty for a method of one other prompt, which the
    general processor serves."""

    scores: ClassVar[Callable[..., Tensor]]
    """`scores(main, contrast) -> scores`: the rule, a pure function of two views.

    Args:
        main: `[rows, vocab]` logits or log-probabilities of the main view; may hold -inf.
        contrast: The same shape, of the contrast.
        step: Only if `needs_step`: the number of tokens generated so far, or a column `[rows, 1]`.

    Returns:
        `[rows, vocab]` float32. -inf of `main` stays -inf; no NaN; at least one finite score a row; nothing is
        changed in place.
    """

    def __post_init__(self) -> None:
        for parameter in self.parameters():
            object.__setattr__(self, parameter.name, parameter.checked(getattr(self, parameter.name)))

    @classmethod
    @cache
    def parameters(cls) -> tuple[Parameter, ...]:
        """Return the parameters in the order of their declaration."""
        return tuple(field.metadata[DECLARED].of_field(field) for field in fields(cls) if DECLARED in field.metadata)

    @classmethod
    def parameter(cls, name: str) -> Parameter:
        """Return the parameter of that name.

        Raises:
            ValueError: The method has no such parameter.
        """
        for parameter in cls.parameters():
            if parameter.name == name:
                return parameter
        known = ", ".join(parameter.name for parameter in cls.parameters())
        raise ValueError(f"`{name}` has to be a parameter of {cls.name}, but that has {known or 'no parameters'}")

    @property
    def is_distribution(self) -> bool:
        """Return whether the scores define a distribution over the next token: beam search then adds up its logarithm.

        If not, beam search adds up the scores themselves.
        """
        return True

    def chosen(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the contrast `[rows, vocab]` that the rule reads.

        A method whose view answers with several candidates, like DoLa's layers, chooses among them here.
        """
        return contrast

    def coefficients(self, main: Tensor, contrast: Tensor, **context: Tensor | int) -> dict[str, Tensor]:
        """Return what the method computes for each row at this step beside the scores, `[rows]` by name.

        Args:
            main: As in `scores`.
            contrast: As in `scores`, before :meth:`chosen`.
            **context: `step`, if the method needs it.
        """
        return {}

    def check_contrasts(self, given: int, *, prefix: str = "") -> None:
        """Reject another number of contrasts than the rule reads.

        Args:
            given: How many there are.
            prefix: What the message has in front of the name of a parameter that says how many there must be.

        Raises:
            ValueError: With both numbers.
        """
        if given != (self.contrasts or given):
            wanted = "one contrast" if self.contrasts == 1 else f"{self.contrasts} contrasts"
            raise ValueError(f"{self.name} has to be given {wanted}, but is given {given}")

    def served_scores(self, main: Tensor, contrast: Tensor, **context: Tensor) -> Tensor:
        """Return the scores for rows of an engine, which must go on whatever one of them holds; by default `scores`."""
        return self.scores(main, contrast, **context)

    def check_named(self) -> None:
        """Reject a method of which the parameters have to say what it contrasts with, and do not.

        Raises:
            ValueError: The contrast is missing or ambiguous.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """Return all parameters by name."""
        return {parameter.name: getattr(self, parameter.name) for parameter in self.parameters()}

    @property
    def label(self) -> str:
        """Return the method with its parameters, for a table."""
        return labelled(self.name, {p.name: getattr(self, p.name) for p in self.parameters() if p.in_label})

    @property
    def group(self) -> tuple[object, ...]:
        """Return what is equal for methods that :meth:`stacked` can make one of: all of the rule but its numbers."""
        rule = (parameter for parameter in self.parameters() if not parameter.makes_contrast)
        values = ((parameter, getattr(self, parameter.name)) for parameter in rule)
        other = ((parameter, value) for parameter, value in values if value is None or not parameter.is_number)
        return (type(self), *(len(value) if _are_numbers(value) else value for _, value in other))

    @classmethod
    def stacked(cls, methods: Sequence[Method], like: Tensor) -> Self:
        """Return one method for a batch in which each row has parameters of its own.

        Each number of the rule becomes a column, and a tuple of numbers a tuple of columns, so that one call of
        `scores` serves all rows:

            CAD.stacked([CAD(strength=0.5), CAD(strength=2.0)], logits).scores(logits[:2], logits[2:])

        Args:
            methods: One method for each row, all of one :attr:`group`.
            like: A tensor on the device of the rows.

        Returns:
            A method whose numbers are float32 tensors `[rows, 1]`. It is for computing with, not to be compared or
            used as a key.

        Raises:
            ValueError: There are no methods, or they are of several groups.
        """
        groups = {method.group for method in methods}
        if len(groups) != 1 or not isinstance(methods[0], cls):
            raise ValueError(f"`methods` have to be of one group of {cls.__name__}, but are of {len(groups)}")
        made = copy(methods[0])
        numbers = like.new_empty(0, device="cpu").float()
        for parameter in made.parameters():
            values = [getattr(method, parameter.name) for method in methods]
            if parameter.makes_contrast or None in values:
                continue
            if parameter.is_number:
                object.__setattr__(made, parameter.name, on_device(numbers.new_tensor(values), like)[:, None])
            elif _are_numbers(values[0]):
                columns = on_device(numbers.new_tensor(values), like).split(1, dim=1)
                object.__setattr__(made, parameter.name, columns)
        return made


def _are_numbers(value: Any) -> TypeGuard[tuple[float, ...]]:  # noqa: ANN401
    return isinstance(value, tuple) and all(type(one) in (int, float) for one in value)


def on_device(host: Tensor, like: Tensor) -> Tensor:
    """Return a tensor of the CPU on the device of `like`, without waiting for the device.

    A copy out of ordinary memory waits until the device has done all that it was asked for before.
    """
    return host.pin_memory().to(like.device, non_blocking=True) if like.is_cuda else host.to(like.device)


def labelled(name: str, settings: Mapping[str, Any]) -> str:
    """Return a name with its settings, for a table; settings that are `None` are left out."""
    shown = ", ".join(f"{key} {_shown(value)}" for key, value in settings.items() if value is not None)
    return f"{name} ({shown})" if shown else name


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
