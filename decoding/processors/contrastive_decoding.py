"""Contrastive decoding as a logits processor."""

from __future__ import annotations

from typing import get_args

from torch import Tensor
from transformers import PreTrainedModel

from ..methods import contrastive_decoding
from ..methods.contrastive_decoding import Formulation
from ..methods.validation import check_above, check_at_least, check_choice, check_share
from ..views import SamePrompt
from ..views.unwrap_model import unwrap_model
from .base import ContrastLogitsProcessor, View


class ContrastiveDecodingLogitsProcessor(ContrastLogitsProcessor):
    r"""Contrastive decoding: what a strong model prefers more than a weak one does.

        obrien:  scores = (1 + strength) * z_e - strength * z_a
        li:      scores = log p_e - log softmax(z_a / amateur_temperature)   both where p_e >= plausibility * max p_e

    O'Brien and Lewis 2023, [Contrastive Decoding Improves Reasoning in Large Language
    Models](https://arxiv.org/abs/2309.09117), section 2; Li et al. 2022, [Contrastive
    Decoding](https://arxiv.org/abs/2210.15097), equation 2. For the differences from the released code of Li et al. see
    :func:`counterfoil.decoding.methods.contrastive_decoding`.

    Under beam search `"li"` adds up the log-ratios, as its paper does; `"obrien"` defines a distribution and adds up
    its log-probabilities.

    Args:
        model: The model that generates: the expert.
        amateur: A smaller model with the same vocabulary, which reads the same prompt; or a view: `EarlyExit(model,
            layer)`, `CutContext(model, last)`, `OtherPrompt(model, inputs)`, `SamePrompt(model, attention_mask)`.
        strength: At least 0, of `"obrien"`, typically 0.25 to 1; 0 is plain decoding of the plausible tokens.
        plausibility: In [0, 1], the plausibility cut: 0.1 in both papers (0.05 in parts of the second); larger is more
            cautious.
        formulation: `"obrien"` or `"li"`.
        amateur_temperature: Above 0, of `"li"`: 0.5 for a GPT-2 amateur and 1.0 for OPT in the paper.
        vocabulary_size: `len(tokenizer)`, where expert and amateur pad their vocabulary differently.
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        amateur: PreTrainedModel | View,
        *,
        strength: float = 0.5,
        plausibility: float = 0.1,
        formulation: Formulation = "obrien",
        amateur_temperature: float = 1.0,
        vocabulary_size: int | None = None,
        trace: bool = False,
    ) -> None:
        unwrap_model(model, "model")
        check_at_least("strength", strength, 0)
        check_share("plausibility", plausibility)
        check_choice("formulation", formulation, get_args(Formulation))
        check_above("amateur_temperature", amateur_temperature, 0)
        view = amateur if isinstance(amateur, View) else SamePrompt(unwrap_model(amateur, "amateur"))
        super().__init__(view, vocabulary_size=vocabulary_size, trace=trace)
        self.strength, self.plausibility, self.amateur_temperature = strength, plausibility, amateur_temperature
        self.formulation: Formulation = formulation
        self.normalised = formulation == "obrien"

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.contrastive_decoding`."""
        return contrastive_decoding(
            main,
            contrast,
            strength=self.strength,
            plausibility=self.plausibility,
            formulation=self.formulation,
            amateur_temperature=self.amateur_temperature,
        )
