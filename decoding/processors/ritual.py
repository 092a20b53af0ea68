"""RITUAL as a logits processor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from torch import Tensor
from transformers import PreTrainedModel

from ..images import POOL, ImagePrompt, ImageReader, Requests, Transform, drawn
from ..methods import ritual
from ..methods.validation import check_at_least, check_integer, check_share
from ..views import OtherPrompt
from .base import ContrastLogitsProcessor

CHOOSING = (
    "You see an image and a question about it: {question}\n"
    "Which one of these transformations of the image would be the most helpful for answering it?\n"
    "{pool}\n"
    "Answer with the number alone."
)
"""How RITUAL+ asks the model. The paper shows its prompt in a figure alone and released no code for it."""


class RITUALLogitsProcessor(ContrastLogitsProcessor):
    r"""RITUAL: a random transformation of the image as a second opinion.

        scores = z_v + strength * z_T   where p_v >= plausibility * max p_v

    Woo et al. 2024, [RITUAL](https://arxiv.org/abs/2405.17821). The sum is not divided by `1 + strength`, there or
    here: with the identity for a transformation it is temperature 1 / (1 + strength) on the plausible tokens, so
    compare it with that, not with sampling at temperature 1.

    Behind VCD or M3ID and without a cut of its own it is the combination that the paper reports, see
    docs/methods/ritual.md: `logits_processor=[vcd, RITUALLogitsProcessor(..., plausibility=0)]`.

    Args:
        model: The model that generates; it reads the transformed image as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts with the transformed images, one row for each
            prompt; :meth:`from_image` makes them.
        strength: At least 0, 3 in the paper; 0 is plain decoding of the plausible tokens.
        plausibility: In [0, 1], the plausibility cut, 0.1 in the paper; 0 cuts nothing.
        normalize: Divide by `1 + strength`, the weighted mean of the two views.
        trace: Record both views' log-probability of every token, see :meth:`trace`.

    Attributes:
        transforms: What :meth:`from_image` drew, one a request.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        contrast_inputs: Mapping[str, Any],
        *,
        strength: float = 3.0,
        plausibility: float = 0.1,
        normalize: bool = False,
        trace: bool = False,
    ) -> None:
        check_at_least("strength", strength, 0)
        check_share("plausibility", plausibility)
        super().__init__(OtherPrompt(model, contrast_inputs), trace=trace)
        self.strength, self.plausibility, self.normalize = strength, plausibility, normalize
        self.transforms: tuple[Transform, ...] = ()

    @classmethod
    def from_image(
        cls,
        model: PreTrainedModel,
        processor: Any,  # noqa: ANN401  (each family has a class of its own)
        request: Requests,
        *,
        strength: float = 3.0,
        plausibility: float = 0.1,
        normalize: bool = False,
        transform: str | Transform | None = None,
        seed: int = 0,
        trace: bool = False,
    ) -> Self:
        """RITUAL for an image and a question.

        Args:
            model: A vision-language model.
            processor: Its processor.
            request: `(image, question)`, chat messages with one image, or a list of either, in the order of the rows.
            strength: As for the class.
            plausibility: As for the class.
            normalize: As for the class.
            transform: `None` draws one of the paper's six; a name draws the parameters of that one; `"model"` lets the
                model choose which (RITUAL+), and draws where its answer names none; `"identity"` is the control. Or a
                transformation with its parameters.
            seed: The i-th request draws with `seed + i`, whatever else is in the batch.
            trace: As for the class.

        Raises:
            ValueError: The request, the model or the processor will not do; the message says why.
        """
        check_integer("seed", seed, 0)
        check_at_least("strength", strength, 0)  # before the model is asked for a transformation
        check_share("plausibility", plausibility)
        reader = ImageReader(model, processor)
        prompts = reader.prompts(request)
        transforms = [_chosen(reader, prompt, transform, seed + i) for i, prompt in enumerate(prompts)]
        seen = [replace(p, image=chosen(p.image)) for p, chosen in zip(prompts, transforms, strict=True)]
        inputs = reader.inputs(seen)
        made = cls(reader.model, inputs, strength=strength, plausibility=plausibility, normalize=normalize, trace=trace)
        made.transforms = tuple(transforms)
        return made

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.ritual`."""
        return ritual(main, contrast, strength=self.strength, plausibility=self.plausibility, normalize=self.normalize)


def _chosen(reader: ImageReader, prompt: ImagePrompt, transform: str | Transform | None, seed: int) -> Transform:
    if isinstance(transform, Transform):
        return transform
    if transform != "model":
        return drawn(prompt.image, seed, transform)
    pool = "\n".join(f"{number}. {name.replace('_', ' ')}" for number, name in enumerate(POOL, start=1))
    asked = reader.asking(prompt.image, CHOOSING.format(question=prompt.question, pool=pool))
    answer = re.search(r"\d+", reader.generated(asked, 8))
    number = int(answer.group()) if answer else 0
    return drawn(prompt.image, seed, POOL[number - 1] if 1 <= number <= len(POOL) else None)
