"""VCD as a logits processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor
from transformers import PreTrainedModel

from ..images import ImageReader, Requests, noised
from ..methods import vcd
from ..methods.validation import check_at_least, check_integer, check_share
from ..views import OtherPrompt
from .base import ContrastLogitsProcessor


class VCDLogitsProcessor(ContrastLogitsProcessor):
    r"""Visual contrastive decoding: what the picture says and noise does not.

        scores = (1 + strength) * z_v - strength * z_v'   where p_v >= plausibility * max p_v

    Leng et al. 2023, [VCD](https://arxiv.org/abs/2311.16922). The released code samples, and under
    `do_sample=False` is silently plain greedy decoding; this works under every way of decoding.

    Args:
        model: The model that generates; it reads the noised image as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts, with noised pixels, one row for each prompt;
            :meth:`from_image` makes them.
        strength: At least 0, 1 in the paper; 0 is plain decoding of the plausible tokens.
        plausibility: In [0, 1], the plausibility cut: 0.1 in the paper, 0.2 in its script for POPE; 0 cuts nothing.
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        contrast_inputs: Mapping[str, Any],
        *,
        strength: float = 1.0,
        plausibility: float = 0.1,
        trace: bool = False,
    ) -> None:
        check_at_least("strength", strength, 0)
        check_share("plausibility", plausibility)
        super().__init__(OtherPrompt(model, contrast_inputs), trace=trace)
        self.strength, self.plausibility = strength, plausibility

    @classmethod
    def from_image(
        cls,
        model: PreTrainedModel,
        processor: Any,  # noqa: ANN401  (each family has a class of its own)
        request: Requests,
        *,
        strength: float = 1.0,
        plausibility: float = 0.1,
        noise_step: int = 500,
        seed: int = 0,
        trace: bool = False,
    ) -> Self:
        """VCD for an image and a question.

        Args:
            model: A vision-language model.
            processor: Its processor.
            request: `(image, question)`, chat messages with one image, or a list of either, in the order of the rows.
            strength: As for the class.
            plausibility: As for the class.
            noise_step: How many of the 1000 steps of the diffusion process are taken, 0 to 999; 500 in the paper.
            seed: The i-th request draws its noise with `seed + i`, whatever else is in the batch.
            trace: As for the class.

        Raises:
            ValueError: The request, the model or the processor will not do; the message says why.
        """
        check_integer("seed", seed, 0)
        reader = ImageReader(model, processor)
        prompts = reader.prompts(request)
        frames = getattr(processor.image_processor, "temporal_patch_size", 1)
        seeds = range(seed, seed + len(prompts))
        inputs = noised(reader.inputs(prompts), step=noise_step, seeds=seeds, frames=frames)
        return cls(reader.model, inputs, strength=strength, plausibility=plausibility, trace=trace)

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.vcd`."""
        return vcd(main, contrast, strength=self.strength, plausibility=self.plausibility)
