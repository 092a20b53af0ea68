"""The reference of every view: no cache, no batch, no padding. Both full sequences are computed anew at every step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedModel

from tests.support.oracles import log_softmax

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


@torch.no_grad()
def next_logits(model: PreTrainedModel, ids: list[int], decoder_ids: list[int] | None = None) -> np.ndarray:
    """Float64 logits of the token after `ids`."""
    inputs = {"input_ids": torch.tensor([ids])}
    if decoder_ids is not None:
        inputs["decoder_input_ids"] = torch.tensor([decoder_ids])
    return model(**inputs, use_cache=False).logits[0, -1].double().numpy()


class ReferenceProcessor(LogitsProcessor):
    """The rule's oracle on the row's own scores and on the contrast recomputed from scratch.

    Args:
        model: Reads the contrast.
        contrasts: Its prompts, without padding.
        rule: An oracle `(main, other) -> scores` on one row.
        prompt_length: Columns of the main prompt, padding included.
    """

    def __init__(self, model: PreTrainedModel, contrasts: list[list[int]], rule: Rule, prompt_length: int) -> None:
        self.model, self.contrasts, self.rule, self.prompt_length = model, contrasts, rule, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        rows_each = len(input_ids) // len(self.contrasts)
        rows = []
        for row, (ids, main) in enumerate(zip(input_ids.tolist(), scores.double().numpy(), strict=True)):
            contrast = self.contrasts[row // rows_each]
            if self.model.config.is_encoder_decoder:
                other = next_logits(self.model, contrast, ids)
            else:
                other = next_logits(self.model, contrast + ids[self.prompt_length :])
            rows.append(log_softmax(self.rule(main, other)))
        return torch.tensor(np.stack(rows), dtype=torch.float32)


def reference_greedy(
    model: PreTrainedModel, prompt: list[int], other: Callable[[list[int]], np.ndarray], rule: Rule, new_tokens: int
) -> list[int]:
    """Greedy decoding of one prompt; `other(continuation)` is the second view's logits."""
    new: list[int] = []
    for _ in range(new_tokens):
        new.append(int(rule(next_logits(model, prompt + new), other(new)).argmax()))
    return new
