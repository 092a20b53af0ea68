"""Contrastive decoding of an expert against an amateur."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from .masked_logits import extrapolate, finite_floor, forbidden_as_in
from .plausibility import masked_to_plausible

Formulation = Literal["obrien", "li"]


def contrastive_decoding(
    main: Tensor,
    contrast: Tensor,
    *,
    strength: float = 0.5,
    plausibility: float = 0.1,
    formulation: Formulation = "obrien",
    amateur_temperature: float = 1.0,
) -> Tensor:
    """Contrastive decoding: what the expert prefers more than the amateur does, among what the expert finds plausible.

        obrien:  scores = (1 + strength) * z_e - strength * z_a
        li:      scores = log p_e - log softmax(z_a / amateur_temperature)

    both where `p_e >= plausibility * max p_e`, else -inf. O'Brien and Lewis 2023, arXiv 2309.09117, section 2; Li et
    al. 2022, arXiv 2210.15097, equation 2.

    O'Brien and Lewis print the set with `1 / alpha`, which their pseudo-code shows to be a slip. The released code of
    Li et al. differs from their paper: a coefficient on the amateur (0.5 by default), the temperature applied after the
    log-softmax, no mask under greedy decoding, at least two tokens kept under beams. This is the paper's form.

    Args:
        main: `[rows, vocab]` logits of the expert.
        contrast: `[rows, vocab]` logits of the amateur.
        plausibility: In [0, 1]: the plausibility cut; 0 cuts nothing.
        strength: At least 0, the strength of `"obrien"`; 0 leaves the expert's logits. `"li"` has none.
        formulation: Which of the two.
        amateur_temperature: Above 0, of `"li"` (0.5 for GPT-2, 1.0 for OPT in the paper). `"obrien"` folds it into
            strength.

    Returns:
        `[rows, vocab]` float32.
    """
    if formulation == "obrien":
        scores = extrapolate(main, contrast, strength)
    else:
        log_p = main.float().log_softmax(-1)
        # Both among the tokens that the expert allows, or beams of unlike amateurs would be paid for what is forbidden.
        scores = log_p - forbidden_as_in(main, finite_floor(contrast) / amateur_temperature).log_softmax(-1)
    return masked_to_plausible(scores, main, plausibility)
