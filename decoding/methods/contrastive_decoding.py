"""Contrastive decoding of an expert against an amateur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from .masked_logits import extrapolate, finite_floor, forbidden_as_in, log_ratio, masked_to_plausible
from .method import Method
from .parameters import parameter, plausibility, strength

if TYPE_CHECKING:
    from torch import Tensor

Formulation = Literal["obrien", "li"]


@dataclass(frozen=True, kw_only=True)
class ContrastiveDecoding(Method):
    """Contrastive decoding: prefer what the expert prefers more than the amateur does, among what is plausible to it.

        obrien:  scores = (1 + strength) * z_e - strength * z_a
        li:      scores = log p_e - log softmax(z_a / amateur_temperature)

    both where `p_e >= plausibility * max p_e`, else -inf. O'Brien and Lewis 2023, arXiv 2309.09117, section 2, where
    `strength` is beta, and Li et al. 2022, arXiv 2210.15097, equation 2; `plausibility` is alpha in both, 0.1 (0.05 in
    parts of the first).

    O'Brien and Lewis print the set with `1 / alpha`, which their pseudo-code shows to be a slip. The released code of
    Li et al. differs from their paper: a coefficient on the amateur (0.5 by default), the temperature applied after the
    log-softmax, no mask under greedy decoding, at least two tokens kept under beams. This is the paper's form. The
    temperature was 0.5 for a GPT-2 amateur and 1.0 for OPT; `"obrien"` folds it into its strength.

    Under beam search `"li"` adds up the log-ratios, as its paper does; `"obrien"` defines a distribution and adds up
    its log-probabilities.
    """

    name = "contrastive_decoding"
    title = "Contrastive decoding"
    summary = "what a strong model prefers more than a weak one"
    compares = "the model and an amateur"
    paper = (
        "O'Brien and Lewis 2023, [Contrastive Decoding Improves Reasoning in Large Language "
        "Models](https://arxiv.org/abs/2309.09117), section 2; Li et al. 2022, [Contrastive "
        "Decoding](https://arxiv.org/abs/2210.15097), equation 2"
    )
    contrast = "model"
    processor = "counterfoil.decoding.processors.text:ContrastiveDecodingLogitsProcessor"

    strength: float = strength(0.5, letter="beta")
    plausibility: float = plausibility(0.1, letter="alpha")
    formulation: Formulation = parameter("obrien", help="whose equation", choices=get_args(Formulation))
    amateur_temperature: float = parameter(1.0, help="li: temperature of the amateur", letter="tau", above=0)
    amateur: str | None = parameter(
        None, kind=str, help="a smaller model of the same vocabulary: hub id or folder", is_optional=True,
        makes_contrast=True, is_served=False,
    )  # fmt: skip
    early_exit: int | None = parameter(
        None, kind=int, help="the amateur is the model up to this layer", at_least=1, is_optional=True,
        makes_contrast=True, is_served=False,
    )  # fmt: skip
    cut_context: int | None = parameter(
        None, kind=int, help="the amateur reads only this many last tokens of the prompt", at_least=1,
        is_optional=True, makes_contrast=True,
    )  # fmt: skip

    @property
    def is_distribution(self) -> bool:
        """Return whether beam search adds up log-probabilities: not under `"li"`."""
        return self.formulation == "obrien"

    def check_named(self) -> None:
        """Reject a method without an amateur, or with two."""
        amateurs = [name for name in ("amateur", "early_exit", "cut_context") if getattr(self, name) is not None]
        if not amateurs:
            raise ValueError(
                "`amateur` has to be given for contrastive_decoding, but is missing: a smaller model as `amateur`, a "
                "layer as `early_exit` (for example 15) or a number of tokens as `cut_context` (for example 1)"
            )
        if "early_exit" in amateurs and len(amateurs) > 1:
            raise ValueError(f"`early_exit` has to be the only amateur, but {' and '.join(amateurs)} are given")

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits of the expert.
            contrast: `[rows, vocab]` logits of the amateur.
        """
        if self.formulation == "obrien":
            scores = extrapolate(main, contrast, self.strength)
        else:
            scores = log_ratio(main, _allowed(main, contrast, self.amateur_temperature).log_softmax(-1))
        return masked_to_plausible(scores, main, self.plausibility)


def _allowed(main: Tensor, contrast: Tensor, temperature: Tensor | float) -> Tensor:
    # Among the tokens that the expert allows: what is forbidden must not pay for beams of unlike amateurs.
    return forbidden_as_in(main, finite_floor(contrast).div_(temperature))
