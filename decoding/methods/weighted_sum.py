"""A weighted sum of any number of views."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .masked_logits import finite_floor, masked_to_plausible
from .method import Method
from .parameters import LARGEST, parameter, plausibility

if TYPE_CHECKING:
    from torch import Tensor


def check_weights(name: str, value: Any) -> tuple[float, ...]:  # noqa: ANN401
    """Return weights as a tuple; reject what is no sequence of at least one finite number."""
    given = (value,) if isinstance(value, (int, float)) else value
    if not isinstance(given, (tuple, list)) or not given:
        raise ValueError(f"`{name}` has to be a number for each contrast, but is {value!r}")
    for weight in given:
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not is_number or not abs(weight) <= LARGEST:
            raise ValueError(f"`{name}` has to hold numbers from -{LARGEST:g} to {LARGEST:g}, but holds {weight!r}")
    return tuple(float(weight) for weight in given)


def read_weights(text: str) -> tuple[float, ...]:
    """Return the weights that the text of a command line means: numbers with blanks between them."""
    try:
        return tuple(float(part) for part in text.split())
    except ValueError as error:
        raise ValueError(f"--weights has to be numbers with blanks between them, but is {text!r}") from error


@dataclass(frozen=True, kw_only=True)
class WeightedSum(Method):
    """Weighted sum: the model's logits plus a weighted sum of those of other views, among what is plausible.

        scores = main_weight * z + sum_i weights_i * z_i   where p >= plausibility * max p, else -inf

    It has no paper of its own: several negative prompts are guidance (Sanchez et al. 2023, arXiv 2306.17806) with a
    negative weight each, weights that add up to 1 are a product of experts (Hinton 2002), and Dekoninck et al. 2024,
    arXiv 2311.14479, name such formulas language model arithmetic.
    """

    name = "weighted_sum"
    title = "Weighted sum of views"
    summary = "several prompts or models, each with a weight"
    compares = "the prompt and any number of other views"
    paper = "none; Dekoninck et al. 2024, [language model arithmetic](https://arxiv.org/abs/2311.14479), has such sums"
    contrast = "prompt"
    contrasts = 0
    processor = "counterfoil.decoding.processors.text:WeightedSumLogitsProcessor"

    weights: tuple[float, ...] = parameter(
        (-0.5,), kind=tuple, help="a number for each contrast, negative to move away from it",
        range="numbers of any sign", check=check_weights, parse=read_weights,
    )  # fmt: skip
    main_weight: float = parameter(1.5, help="weight of the prompt's own logits", above=0)
    plausibility: float = plausibility(0.1)

    def check_contrasts(self, given: int, *, prefix: str = "") -> None:
        """Reject another number of contrasts than there are weights; arguments are those of the overridden method."""
        if given != len(self.weights):
            raise ValueError(
                f"`{prefix}weights` has to hold a number for each of {given} contrasts, but is {list(self.weights)}"
            )

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits.
            contrast: `[contrasts, rows, vocab]` logits of the other views, or `[rows, vocab]` of one.
        """
        base = main.float()
        forbidden = base == -math.inf
        total = base.masked_fill(forbidden, 0.0).mul_(self.main_weight)
        others = contrast if contrast.dim() > main.dim() else contrast[None]
        for weight, other in zip(self.weights, others, strict=True):
            total.add_(finite_floor(other).mul_(weight))
        return masked_to_plausible(total.masked_fill_(forbidden, -math.inf), main, self.plausibility)
