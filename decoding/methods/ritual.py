"""RITUAL: a transformed image as a complement."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .masked_logits import finite_floor, masked_to_plausible
from .method import Method
from .parameters import check_choice, parameter, plausibility, strength

if TYPE_CHECKING:
    from torch import Tensor

TRANSFORMS = ("horizontal_flip", "vertical_flip", "rotation", "color_jitter", "gaussian_blur", "random_resized_crop")
"""The six transformations of the paper, by name."""
CHOSEN_BY_MODEL = "model"


def check_transform(name: str, value: Any) -> Any:  # noqa: ANN401
    """Return a transformation, or its name; reject any other name."""
    if not callable(value):
        check_choice(name, value, (*TRANSFORMS, "identity", CHOSEN_BY_MODEL))
    return value


@dataclass(frozen=True, kw_only=True)
class RITUAL(Method):
    """RITUAL: prefer what both the image and a random transformation of it speak for.

        scores = z_v + strength * z_T   where p_v >= plausibility * max p_v, else -inf

    Woo et al. 2024, arXiv 2405.17821, where `strength` is alpha and `plausibility` beta. The text of the repository
    speaks of a combination of probabilities, the code adds logits; so does this. The sum is not divided by
    `1 + strength`, there or here: if the transformation were the identity, it would be sampling at temperature
    `1 / (1 + strength)`, and part of what it gains over sampling at temperature 1 is that. `normalize` divides, which
    makes it the weighted mean of the two views.

    `transform` is `None` to draw one of :data:`TRANSFORMS`; a name to draw the parameters of that one; `"model"` to let
    the model choose (RITUAL+), and draw if its answer names none; `"identity"` for the control; or a
    :class:`counterfoil.decoding.Transform` with its parameters.
    """

    name = "ritual"
    title = "RITUAL"
    summary = "what an image and a transformation of it both speak for"
    compares = "the image and a transformed one"
    paper = "Woo, Jang, Kim, Choi and Kim 2024, [RITUAL](https://arxiv.org/abs/2405.17821)"
    contrast = "image"
    takes_image = True
    processor = "counterfoil.decoding.processors.images:RITUALLogitsProcessor"

    strength: float = strength(3.0, letter="alpha")
    plausibility: float = plausibility(0.1, letter="beta")
    normalize: bool = parameter(False, help="the weighted mean of the views instead of their sum")
    transform: str | Callable[[Any], Any] | None = parameter(
        None, kind=str, help="a transformation by name, or model to let the model choose; by default one is drawn",
        is_optional=True, makes_contrast=True, check=check_transform,
        served_choices=(*TRANSFORMS, "identity"),
        range=", ".join(f"`{name}`" for name in (*TRANSFORMS, "identity", CHOSEN_BY_MODEL)),
    )  # fmt: skip

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits with the image.
            contrast: `[rows, vocab]` logits with the transformed one.
        """
        base = main.float()
        # The main view's own -inf must not meet `normalize` or the sum as anything but -inf.
        forbidden = base == -math.inf
        scores = base.masked_fill(forbidden, 0.0).add_(finite_floor(contrast).mul_(self.strength))
        if self.normalize:
            scores.div_(1.0 + self.strength)
        return masked_to_plausible(scores.masked_fill_(forbidden, -math.inf), main, self.plausibility)
