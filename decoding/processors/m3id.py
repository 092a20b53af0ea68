"""M3ID as a logits processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor
from transformers import PreTrainedModel

from ..images import ImageReader, Requests
from ..methods import m3id, m3id_weight
from ..methods.validation import check_at_least, check_integer, check_share
from ..views import OtherPrompt
from .base import ContrastLogitsProcessor


class M3IDLogitsProcessor(ContrastLogitsProcessor):
    r"""Multi-modal mutual information decoding: the longer the answer, the more it is held to the picture.

        scores = log p_c + w_t * (log p_c - log p_u),    w_t = 1[max p_c < gate] * (exp(decay * t) - 1)

    Favero et al. 2024, [M3ID](https://arxiv.org/abs/2403.14003), of which there is no public code; `p_u` is the same
    prompt without the image. The weight is bounded, see :func:`counterfoil.decoding.methods.m3id`.

    Args:
        model: The model that generates; it reads the prompt without the image as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts without their images, one row for each prompt;
            :meth:`from_image` makes them.
        decay: At least 0, the paper's lambda, 0.02: how fast the image is forgotten. 0 is plain decoding.
        gate: In [0, 1], the paper's alpha, 0.3: a token that the model gives this probability or more is left alone. 1
            leaves none alone.
        plausibility: In [0, 1], a plausibility cut, which the paper has not; 0 cuts nothing.
        max_weight: At least 0, the most that w may become, which the paper does not bound: 10 is reached at the 120th
            token. `None` for no bound.
        offset: At least 0, added to t: the paper counts from 0 in captions and from about the question's length (10)
            in short answers.
        trace: Record both views' log-probability of every token and, as coefficient `weight`, w_t.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        contrast_inputs: Mapping[str, Any],
        *,
        decay: float = 0.02,
        gate: float = 0.3,
        plausibility: float = 0.0,
        max_weight: float | None = 10.0,
        offset: int = 0,
        trace: bool = False,
    ) -> None:
        check_at_least("decay", decay, 0)
        check_share("gate", gate)
        check_share("plausibility", plausibility)
        if max_weight is not None:
            check_at_least("max_weight", max_weight, 0)
        check_integer("offset", offset, 0)
        super().__init__(OtherPrompt(model, contrast_inputs), trace=trace)
        self.decay, self.gate, self.plausibility = decay, gate, plausibility
        self.max_weight, self.offset = max_weight, offset

    @classmethod
    def from_image(
        cls,
        model: PreTrainedModel,
        processor: Any,  # noqa: ANN401  (each family has a class of its own)
        request: Requests,
        *,
        decay: float = 0.02,
        gate: float = 0.3,
        plausibility: float = 0.0,
        max_weight: float | None = 10.0,
        offset: int = 0,
        trace: bool = False,
    ) -> Self:
        """M3ID for an image and a question.

        Args:
            model: A vision-language model.
            processor: Its processor.
            request: `(image, question)`, chat messages with one image, or a list of either, in the order of the rows.
            decay: As for the class.
            gate: As for the class.
            plausibility: As for the class.
            max_weight: As for the class.
            offset: As for the class.
            trace: As for the class.

        Raises:
            ValueError: The request, the model or the processor will not do; the message says why.
        """
        reader = ImageReader(model, processor)
        prompts = reader.prompts(request)
        inputs = reader.inputs_without_images(prompts, [""] * len(prompts))
        return cls(
            reader.model,
            inputs,
            decay=decay,
            gate=gate,
            plausibility=plausibility,
            max_weight=max_weight,
            offset=offset,
            trace=trace,
        )

    def reference(self, main: Tensor, contrast: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The logits without the image, with the weight of the contrast for the trace."""
        if self._recorder is None:
            return contrast, {}
        weight = m3id_weight(
            main, step=self.step + self.offset, decay=self.decay, gate=self.gate, max_weight=self.max_weight
        )
        return contrast, {"weight": weight[:, 0]}

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.m3id`."""
        return m3id(
            main,
            contrast,
            step=self.step + self.offset,
            decay=self.decay,
            gate=self.gate,
            plausibility=self.plausibility,
            max_weight=self.max_weight,
        )
