"""Contrastive input decoding."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from .masked_logits import extrapolate, forbidden_as_in, probabilities_as_in
from .plausibility import masked_to_plausible

CIDRule = Literal["probability", "log_ratio"]


def cid(
    main: Tensor, contrast: Tensor, *, strength: float, rule: CIDRule = "probability", plausibility: float = 0.1
) -> Tensor:
    """Contrastive input decoding: likely given one input, unlikely given another.

        probability:  scores = log p(y | x) + strength * (p(y | x) - p(y | x'))
        log_ratio:    scores = log p(y | x) + strength * (log p(y | x) - log p(y | x'))  where p >= plausibility * max p

    Yona et al. 2023, arXiv 2305.07378. The text of the paper's section 2 could not be read when this was written: the
    rule is **reconstructed** from what is known of it (two inputs, one strength, a contrast that needs no mask) and
    must not be quoted as the paper's equation.

    Both probabilities are among the tokens that `main` allows: what an earlier processor has forbidden there is no
    difference between the inputs.

    Args:
        main: `[rows, vocab]` logits given the input x.
        contrast: `[rows, vocab]` logits given the contrastive input x'.
        strength: At least 0; typically tens for `"probability"` (whose contrast lies in [-1, 1]), 0.5 to 2 for
            `"log_ratio"`. 0 is plain decoding (of the plausible tokens, under `"log_ratio"`).
        rule: `"probability"` needs no mask; `"log_ratio"` is masked by `plausibility`.
        plausibility: In [0, 1], the plausibility cut of `"log_ratio"`; `"probability"` does not use it.

    Returns:
        `[rows, vocab]` float32.
    """
    if rule == "log_ratio":
        # On logits: a row's normalisers shift all its scores alike, and cancel.
        return masked_to_plausible(extrapolate(main, contrast, strength), main, plausibility)
    log_p = main.float().log_softmax(-1)
    difference = log_p.exp() - probabilities_as_in(main, contrast.float())
    return forbidden_as_in(main, log_p + strength * difference)
