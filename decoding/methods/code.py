"""Countering description contrastive decoding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .masked_logits import extrapolate, forbidden_as_in, in_double, masked_to_plausible
from .method import Method
from .parameters import parameter

if TYPE_CHECKING:
    from torch import Tensor

INSTRUCTION = (
    "Provide a detailed description of the image, covering all visible elements and their interactions, so as to "
    "thoroughly answer any potential questions about the image."
)
"""What Kim et al. 2024 ask for (released code of CODE, commit 31adf82f)."""


PARTS = 3
"""In how many parts of the vocabulary the divergence is computed."""


def check_description(name: str, value: Any) -> str | tuple[str, ...]:  # noqa: ANN401
    """Return one description, or a tuple of them; reject anything else."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Sequence) or not value or not all(isinstance(text, str) for text in value):
        raise ValueError(f"`{name}` has to be a text or one for each image, but is {value!r}")
    return tuple(value)


@dataclass(frozen=True, kw_only=True)
class CODE(Method):
    """Countering description contrastive decoding: move away from what the model's own description of the image says.

        scores = (1 + a_t) * z_v - a_t * z_d   where p_v >= b_t * max p_v, else -inf;    a_t = 1 - D_t,    b_t = D_t

    Kim et al. 2024, arXiv 2406.01920, with D_t the :func:`bounded_divergence` of the two views at this step. Where they
    agree, the contrast is full and next to nothing is masked; where they disagree, it is weak and the mask is tight,
    until at D = 1 the image's first choice alone is left.

    `k` is 0.3 in the paper; the released code's command line passes 0.7 (under the name `cd_alpha`), its function falls
    back to 0.2. The smaller, the closer to greedy decoding of the image.
    """

    name = "code"
    title = "Countering description contrastive decoding"
    summary = "what an image says beyond the model's own description"
    compares = "the image and the description"
    paper = "Kim et al. 2024, [CODE](https://arxiv.org/abs/2406.01920)"
    contrast = "prompt"
    takes_image = True
    processor = "counterfoil.decoding.processors.images:CODELogitsProcessor"

    k: float = parameter(0.3, help="power in the divergence", letter="k", above=0)
    description: str | Sequence[str] | None = parameter(
        None, kind=str, help="what stands for the image, one for each; by default the model describes it",
        is_optional=True, makes_contrast=True, is_served=False, in_label=False, check=check_description, range="a text",
    )  # fmt: skip
    instruction: str = parameter(
        INSTRUCTION, help="what the model is asked for", makes_contrast=True, is_served=False, in_label=False,
        range="a text",
    )  # fmt: skip
    description_tokens: int = parameter(
        512, help="longest description in tokens", at_least=1, makes_contrast=True, is_served=False, in_label=False
    )

    def coefficients(self, main: Tensor, contrast: Tensor, **context: Tensor | int) -> dict[str, Tensor]:
        """Return the divergence D_t of the two views, `[rows]` as `divergence`."""
        return {"divergence": bounded_divergence(main, contrast, k=self.k)[:, 0]}

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits with the image.
            contrast: `[rows, vocab]` logits with the description in its place.
        """
        divergence = bounded_divergence(main, contrast, k=self.k)
        return masked_to_plausible(extrapolate(main, contrast, 1.0 - divergence), main, divergence)


def bounded_divergence(main: Tensor, contrast: Tensor, *, k: Tensor | float) -> Tensor:
    """Return how far two distributions are apart, from 0 (the same) to 1 (nothing in common), `[rows, 1]` float32.

        D = 1/2 * sum_w (p(w) + q(w)) * log2(|p(w) - q(w)|^k + 1)

    Chen and Sbert 2019, as Kim et al. 2024 use it. Neither the Kullback-Leibler nor the Jensen-Shannon divergence,
    whatever the variable in the released code is called. The smaller `k`, the larger D: at 0.3 two distributions over
    32,000 tokens that differ little are 0.05 apart, at 1 a five-hundredth of that.

    Both are taken among the tokens that `main` allows: what an earlier processor has forbidden is no disagreement.

    Args:
        main: `[rows, vocab]` logits; may hold -inf, at least one finite value a row.
        contrast: The same shape.
        k: Above 0, a number or a column `[rows, 1]`.
    """
    # Over parts of the vocabulary: in double precision both views at once would be four times their size.
    parts = list(zip(main.chunk(PARTS, -1), contrast.chunk(PARTS, -1), strict=True))
    tops = _top(main, main), _top(main, contrast)
    totals = [in_double(top).new_zeros(top.shape) for top in tops]
    for views in parts:
        for total, view, top in zip(totals, views, tops, strict=True):
            total.add_(_weights(views[0], view, top).sum(-1, keepdim=True))
    # The largest weight is 1, so a smaller sum is that of a contrast without a token: its probabilities are 0.
    totals = [total.clamp_(min=1.0) for total in totals]
    divergence = totals[0].new_zeros(totals[0].shape)
    for views in parts:
        # Handed on without a name, so that those of one part are gone before those of the next are made.
        both = (_weights(views[0], *rest).div_(total) for *rest, total in zip(views, tops, totals, strict=True))
        divergence += _divergence(*both, k)
    return (divergence / 2).clamp_(0.0, 1.0).float()


def _top(main: Tensor, view: Tensor) -> Tensor:
    top = forbidden_as_in(main, view).amax(-1, keepdim=True)
    return top.masked_fill_(top == -math.inf, 0.0)


def _weights(main: Tensor, view: Tensor, top: Tensor) -> Tensor:
    # `exp(view - top)` among the tokens that `main` allows. A small power of a difference that is all rounding is not
    # small (1e-7 ** 0.3 = 0.008), hence double precision.
    return (in_double(view) - top).masked_fill_(main == -math.inf, -math.inf).exp_()


def _divergence(main: Tensor, contrast: Tensor, k: Tensor | float) -> Tensor:
    # Of probabilities `[rows, part of the vocabulary]`, which are changed; twice what the part adds.
    both = main + contrast
    return main.sub_(contrast).abs_().pow_(k).add_(1.0).log2_().mul_(both).sum(-1, keepdim=True)
