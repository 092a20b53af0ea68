"""Contrastive input decoding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from .masked_logits import extrapolate, masked_to_plausible, probabilities_as_in
from .method import Method
from .parameters import parameter, plausibility, strength

if TYPE_CHECKING:
    from torch import Tensor

CIDRule = Literal["probability", "log_ratio"]


@dataclass(frozen=True, kw_only=True)
class CID(Method):
    """Contrastive input decoding: prefer what is likely given one input and unlikely given another.

        probability:  scores = log p(y | x) + strength * (p(y | x) - p(y | x'))
        log_ratio:    scores = log p(y | x) + strength * (log p(y | x) - log p(y | x'))  where p >= plausibility * max p

    Yona et al. 2023, arXiv 2305.07378. The text of the paper's section 2 could not be read when this was written: the
    rule is **reconstructed** from what is known of it (two inputs, one strength, a contrast that needs no mask) and
    must not be quoted as the paper's equation.

    A strength is typically in the tens for `"probability"`, whose contrast lies in [-1, 1], and 0.5 to 2 for
    `"log_ratio"`. Only `"log_ratio"` is masked. Both probabilities are among the tokens that the main view allows: what
    an earlier processor has forbidden there is no difference between the inputs.
    """

    name = "cid"
    title = "Contrastive input decoding"
    summary = "what is said to this input and not to that one"
    compares = "two prompts"
    paper = (
        "Yona et al. 2023, [Surfacing Biases in Large Language Models using Contrastive Input "
        "Decoding](https://arxiv.org/abs/2305.07378)"
    )
    contrast = "prompt"
    processor = "counterfoil.decoding.processors.text:CIDLogitsProcessor"

    strength: float = strength(50.0)
    rule: CIDRule = parameter("probability", help="what is contrasted", choices=get_args(CIDRule))
    plausibility: float = plausibility(0.1)

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the rule's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits given the input x.
            contrast: `[rows, vocab]` logits given the contrastive input x'.
        """
        if self.rule == "log_ratio":
            # On logits: a row's normalisers shift all its scores alike, and cancel.
            return masked_to_plausible(extrapolate(main, contrast, self.strength), main, self.plausibility)
        # p(y | x) - p(y | x'), in place of the second: see masked_logits.
        difference = probabilities_as_in(main, contrast.float()).neg_().add_(main.float().softmax(-1))
        scores = main.float().log_softmax(-1).add_(difference.mul_(self.strength))
        return scores.masked_fill_(main == -math.inf, -math.inf)
