"""M3ID: multi-modal mutual information decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .masked_logits import extrapolate, logarithm, masked_to_plausible
from .method import Method
from .parameters import parameter, plausibility

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class M3ID(Method):
    """M3ID: the longer the answer, the further it moves away from what the model would say without the image.

        scores = log p_c + w_t * (log p_c - log p_u)
        w_t    = 1[max p_c < gate] * (1 - g_t) / g_t,     g_t = exp(-decay * (t + offset))

    Favero et al. 2024, arXiv 2403.14003, on logits: a row's normalisers shift all its scores alike. `decay` is lambda,
    how fast the image is forgotten; `gate` is alpha: a token that the model gives this probability or more is left
    alone, and 1 leaves none alone; t is the number of tokens generated so far. The paper counts from `offset` 0 in
    captions and from about the question's length (10) in short answers.

    Written from a second-hand account of the paper, which has no public code. It has neither a plausibility cut
    (`plausibility=0`) nor a bound of the weight, which without one is 0.2 at the tenth token, 1.7 at the fiftieth and
    28,000 at the five hundred and twelfth; `max_weight` differs from it beyond the hundred and twentieth token. The
    M3ID in the released code of RITUAL has no gate and always the cut: `gate=1, plausibility=0.1, max_weight=None`.
    """

    name = "m3id"
    title = "Multi-modal mutual information decoding"
    summary = "the longer, the closer to the image"
    compares = "the prompt with and without its image"
    paper = "Favero et al. 2024, [M3ID](https://arxiv.org/abs/2403.14003)"
    contrast = "prompt"
    takes_image = True
    needs_step = True
    processor = "counterfoil.decoding.processors.images:M3IDLogitsProcessor"

    decay: float = parameter(
        0.02, help="how fast the image is forgotten; 0 is plain decoding", letter="lambda", at_least=0
    )
    gate: float = parameter(
        0.3, help="tokens of this probability or more are left alone; 1 leaves none alone", letter="alpha",
        at_least=0, at_most=1,
    )  # fmt: skip
    plausibility: float = plausibility(0.0)
    max_weight: float | None = parameter(
        10.0, help="the most that the contrast may weigh", at_least=0, is_optional=True
    )
    offset: int = parameter(0, help="tokens that count as generated at the start", letter="t_0", at_least=0)

    def coefficients(self, main: Tensor, contrast: Tensor, **context: Tensor | int) -> dict[str, Tensor]:
        """Return the weight w_t of the contrast, `[rows]` as `weight`."""
        return {"weight": self.weight(main, context["step"])[:, 0]}

    def scores(self, main: Tensor, contrast: Tensor, *, step: Tensor | int) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits with the image.
            contrast: `[rows, vocab]` logits of the same prompt without it.
            step: How many tokens have been generated: a number, or a column `[rows, 1]`.
        """
        return masked_to_plausible(extrapolate(main, contrast, self.weight(main, step)), main, self.plausibility)

    def weight(self, main: Tensor, step: Tensor | int) -> Tensor:
        """Return w_t, how strongly each row is contrasted at its step, `[rows, 1]` float32.

        Args:
            main: As in :meth:`scores`.
            step: As in :meth:`scores`.
        """
        log_p = main.float().log_softmax(-1)
        t = log_p.new_zeros(len(main), 1) + (step if isinstance(step, int) else step.to(main.device)) + self.offset
        # Without a bound the weight would reach infinity in single precision, and infinity times 0 is NaN.
        weight = (self.decay * t).clamp_max(60.0).expm1()
        if self.max_weight is not None:
            weight = weight.clamp(max=self.max_weight)
        is_sure = log_p.amax(-1, keepdim=True) >= logarithm(self.gate)
        return weight.masked_fill(is_sure & (self.gate < 1), 0.0)
