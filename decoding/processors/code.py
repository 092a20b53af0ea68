"""CODE as a logits processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor
from transformers import PreTrainedModel

from ..images import INSTRUCTION, ImageReader, Requests, describe
from ..methods import bounded_divergence, code
from ..methods.validation import check_above, check_integer
from ..views import OtherPrompt
from .base import ContrastLogitsProcessor


class CODELogitsProcessor(ContrastLogitsProcessor):
    r"""Countering description contrastive decoding: what the picture says beyond the model's own description of it.

        scores = (1 + a_t) * z_v - a_t * z_d   where p_v >= b_t * max p_v;    a_t = 1 - D_t,    b_t = D_t

    Kim et al. 2024, [CODE](https://arxiv.org/abs/2406.01920); D_t is the bounded divergence of the two views, see
    :func:`.methods.bounded_divergence`. The view of the description reads no pixels: the vision tower
    does not run for it, as it does in the released code, where its output is thrown away.

    Args:
        model: The model that generates; it reads the description as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts with the description in place of the image, one
            row for each prompt; :meth:`from_image` makes them.
        k: Above 0, the power in the divergence. 0.3 in the paper, 0.7 from the released code's command line; the
            smaller, the closer to greedy decoding of the image.
        trace: Record both views' log-probability of every token and, as coefficient `divergence`, D_t.

    Attributes:
        descriptions: What :meth:`from_image` put in the image's place, one a request.
    """

    def __init__(
        self, model: PreTrainedModel, contrast_inputs: Mapping[str, Any], *, k: float = 0.3, trace: bool = False
    ) -> None:
        check_above("k", k, 0)
        super().__init__(OtherPrompt(model, contrast_inputs), trace=trace)
        self.k = k
        self.descriptions: tuple[str, ...] = ()

    @classmethod
    def from_image(
        cls,
        model: PreTrainedModel,
        processor: Any,  # noqa: ANN401  (each family has a class of its own)
        request: Requests,
        *,
        k: float = 0.3,
        description: str | Sequence[str] | None = None,
        instruction: str = INSTRUCTION,
        max_new_tokens: int = 512,
        trace: bool = False,
    ) -> Self:
        """CODE for an image and a question.

        Args:
            model: A vision-language model.
            processor: Its processor.
            request: `(image, question)`, chat messages with one image, or a list of either, in the order of the rows.
            k: As for the class.
            description: What stands in the image's place, one a request. `None`: the model writes it, greedily, once
                for each image.
            instruction: What the model is asked for; the paper's words.
            max_new_tokens: The longest description that it writes.
            trace: As for the class.

        Raises:
            ValueError: The request, the model or the processor will not do; the message says why.
        """
        check_integer("max_new_tokens", max_new_tokens, 1)
        check_above("k", k, 0)
        reader = ImageReader(model, processor)
        prompts = reader.prompts(request)
        if description is None:
            reader.inputs(prompts)  # a processor that is not the model's is found out before anything is generated
            written = [
                describe(reader, prompt.image, instruction=instruction, max_new_tokens=max_new_tokens)
                for prompt in prompts
            ]
        else:
            written = [description] if isinstance(description, str) else list(description)
            if len(written) != len(prompts):
                raise ValueError(
                    f"`description` has to be one for each of the {len(prompts)} requests, but is {len(written)}"
                )
        made = cls(reader.model, reader.inputs_without_images(prompts, written), k=k, trace=trace)
        made.descriptions = tuple(written)
        return made

    def reference(self, main: Tensor, contrast: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The description's logits, with the divergence of the two views for the trace."""
        traced = self._recorder is not None
        return contrast, {"divergence": bounded_divergence(main, contrast, k=self.k)[:, 0]} if traced else {}

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.code`."""
        return code(main, contrast, k=self.k)
