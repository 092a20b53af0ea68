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

        scores = z_v + alpha * z_T   where p_v >= beta * max p_v

    Woo et al. 2024, [RITUAL](https://arxiv.org/abs/2405.17821). The sum is not divided by `1 + alpha`, there or here:
    with the identity for a transformation it is temperature 1 / (1 + alpha) on the plausible tokens, so compare it with
    that, not with sampling at temperature 1.

    Behind VCD or M3ID and without a cut of its own it is the combination that the paper reports, see
    docs/methods/ritual.md: `logits_processor=[vcd, RITUALLogitsProcessor(..., beta=0)]`.

    Args:
        model: The model that generates; it reads the transformed image as well, on a cache of its own.
        transformed_inputs: What the processor returns for the prompts with the transformed images, one row for each
            prompt; :meth:`from_image` makes them.
        alpha: At least 0, 3 in the paper; 0 is plain decoding of the plausible tokens.
        beta: In [0, 1], the plausibility cut, 0.1 in the paper; 0 cuts nothing.
        normalize: Divide by `1 + alpha`, the weighted mean of the two views.
        trace: Record both views' log-probability of every token, see :meth:`trace`.

    Attributes:
        transforms: What :meth:`from_image` drew, one a request.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        transformed_inputs: Mapping[str, Any],
        alpha: float = 3.0,
        beta: float = 0.1,
        *,
        normalize: bool = False,
        trace: bool = False,
    ) -> None:
        check_at_least("alpha", alpha, 0)
        check_share("beta", beta)
        super().__init__(OtherPrompt(model, transformed_inputs, "transformed_inputs"), trace=trace)
        self.alpha, self.beta, self.normalize = alpha, beta, normalize
        self.transforms: tuple[Transform, ...] = ()

    @classmethod
    def from_image(
        cls,
        model: PreTrainedModel,
        processor: Any,  # noqa: ANN401  (each family has a class of its own)
        request: Requests,
        alpha: float = 3.0,
        beta: float = 0.1,
        *,
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
            alpha: As for the class.
            beta: As for the class.
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
        check_at_least("alpha", alpha, 0)  # before the model is asked for a transformation
        check_share("beta", beta)
        reader = ImageReader(model, processor)
        prompts = reader.prompts(request)
        transforms = [_chosen(reader, prompt, transform, seed + i) for i, prompt in enumerate(prompts)]
        seen = [replace(p, image=chosen(p.image)) for p, chosen in zip(prompts, transforms, strict=True)]
        made = cls(reader.model, reader.inputs(seen), alpha, beta, normalize=normalize, trace=trace)
        made.transforms = tuple(transforms)
        return made

    def combine(self, main: Tensor, other: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.ritual`."""
        return ritual(main, other, alpha=self.alpha, beta=self.beta, normalize=self.normalize)


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
