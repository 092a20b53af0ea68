"""Context-aware decoding as a logits processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from ..methods import cad
from ..methods.validation import check_at_least
from ..views import OtherPrompt
from .base import ContrastLogitsProcessor


class CADLogitsProcessor(ContrastLogitsProcessor):
    r"""Context-aware decoding: trust the documents over what the model remembers.

        scores = (1 + strength) * z(y | context, x) - strength * z(y | x)

    Shi et al. 2023, [Trusting Your Evidence](https://arxiv.org/abs/2305.14739), equation 2, with no plausibility mask,
    as in the paper; the released code has an optional top-p filter of each view, off by default, which this has not.

    Args:
        model: The model that generates; it reads the contrast as well, on a cache of its own.
        contrast_inputs: What the tokenizer returns for the prompts *without* the context, one row for each prompt of
            the batch: `input_ids` and `attention_mask`, padded on either side.
        strength: At least 0. 0.5 for summaries and 1.0 where documents contradict memory, in the paper; larger trusts
            the documents more, 0 is plain decoding.
        trace: Record both views' log-probability of every token, see :meth:`trace`.

    Example:
        >>> from counterfoil.decoding import CADLogitsProcessor
        >>> from counterfoil.models import load_language_model
        >>> lm = load_language_model()
        >>> question = "What is the capital of France? The capital of France is"
        >>> passage = "In 2031 the government of France moved to Lyon, the new capital. "
        >>> inputs = lm.tokenizer(passage + question, return_tensors="pt")
        >>> contrast = lm.tokenizer(question, return_tensors="pt")
        >>> def continued(*processors):
        ...     ids = lm.model.generate(**inputs, logits_processor=list(processors), max_new_tokens=2, do_sample=False)
        ...     return lm.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :])
        >>> continued()
        ' Paris.'
        >>> continued(CADLogitsProcessor(lm.model, contrast, strength=1.0))
        ' Lyon.'
    """

    def __init__(
        self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, strength: float = 0.5, trace: bool = False
    ) -> None:
        check_at_least("strength", strength, 0)
        super().__init__(OtherPrompt(model, contrast_inputs), trace=trace)
        self.strength = strength

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.cad`."""
        return cad(main, contrast, strength=self.strength)
