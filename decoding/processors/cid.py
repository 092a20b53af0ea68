"""Contrastive input decoding as a logits processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from torch import Tensor
from transformers import PreTrainedModel

from ..methods import cid
from ..methods.cid import CIDRule
from ..methods.validation import check_at_least, check_choice, check_share
from ..views import OtherPrompt
from .base import ContrastLogitsProcessor


class CIDLogitsProcessor(ContrastLogitsProcessor):
    r"""Contrastive input decoding: what does the model say to this input that it would not say to that one?

        probability:  scores = log p(y | x) + strength * (p(y | x) - p(y | x'))
        log_ratio:    scores = log p(y | x) + strength * (log p(y | x) - log p(y | x'))  where p >= plausibility * max p

    Yona et al. 2023, [Surfacing Biases in Large Language Models using Contrastive Input
    Decoding](https://arxiv.org/abs/2305.07378). The rule is reconstructed, see docs/methods/cid.md. A diagnostic, not a
    fix: it brings out a difference that plain decoding hides.

    Args:
        model: The model that generates; it reads the contrastive input as well, on a cache of its own.
        contrast_inputs: What the tokenizer returns for x', one row for each prompt: the same request with the name, the
            group or the wording exchanged. Its length may differ.
        strength: At least 0. Tens for `"probability"`, 0.5 to 2 for `"log_ratio"`; larger brings out subtler
            differences, 0 is plain decoding.
        rule: `"probability"` or `"log_ratio"`.
        plausibility: In [0, 1], the plausibility cut of `"log_ratio"`.
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        contrast_inputs: Mapping[str, Any],
        *,
        strength: float = 50.0,
        rule: CIDRule = "probability",
        plausibility: float = 0.1,
        trace: bool = False,
    ) -> None:
        check_at_least("strength", strength, 0)
        check_choice("rule", rule, get_args(CIDRule))
        check_share("plausibility", plausibility)
        super().__init__(OtherPrompt(model, contrast_inputs), trace=trace)
        self.strength, self.plausibility = strength, plausibility
        self.rule: CIDRule = rule

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.cid`."""
        return cid(main, contrast, strength=self.strength, rule=self.rule, plausibility=self.plausibility)
