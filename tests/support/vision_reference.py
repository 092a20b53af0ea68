"""What an image's view has to say, from the equations: no cache, no batch, no padding, the whole sequence each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import LogitsProcessor

from tests.support.oracles import log_softmax
from tests.support.tiny_vision import TinyVision

Inputs = dict[str, Any]


def single(tiny: TinyVision, text: str, image: Image.Image | None) -> Inputs:
    """The processor's inputs for one prompt alone."""
    images = {} if image is None else {"images": [[image]]}
    read = tiny.processor(text=[text], **images, return_tensors="pt")
    return {key: value for key, value in read.items() if key != "labels"}


@torch.no_grad()
def next_logits(tiny: TinyVision, inputs: Inputs, continuation: Sequence[int]) -> np.ndarray:
    """Float64 logits of the token after one prompt and what follows it."""
    new = torch.tensor([list(continuation)], dtype=torch.long)
    whole = {**inputs, "input_ids": torch.cat([inputs["input_ids"], new], -1)}
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    for key in ("token_type_ids", "mm_token_type_ids"):
        if key in inputs:
            # PaliGemma: 0 is the prefix, which all see, and 1 what is written. Gemma 3 and Qwen: 0 is text.
            kind = 1 if tiny.model.config.model_type == "paligemma" else 0
            whole[key] = torch.cat([inputs[key], torch.full_like(new, kind)], -1)
    return tiny.model(**whole, use_cache=False).logits[0, -1].double().numpy()


class VisionReference(LogitsProcessor):
    """A rule on the row's own scores and a view that is computed from scratch.

    Args:
        tiny: The model.
        views: What the view reads, a single prompt for each request.
        rule: `(main, other, step) -> scores` on one row.
        prompt_length: Columns of the main prompt, padding included.
    """

    def __init__(self, tiny: TinyVision, views: list[Inputs], rule: Callable[..., np.ndarray], prompt_length: int):
        self.tiny, self.views, self.rule, self.prompt_length = tiny, views, rule, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        each = len(input_ids) // len(self.views)
        rows = []
        for row, (ids, main) in enumerate(zip(input_ids.tolist(), scores.double().numpy(), strict=True)):
            new = ids[self.prompt_length :]
            other = next_logits(self.tiny, self.views[row // each], new)
            rows.append(log_softmax(self.rule(main, other, len(new))))
        return torch.tensor(np.stack(rows), dtype=torch.float32)


def reference_greedy(
    tiny: TinyVision, main: Inputs, view: Inputs, rule: Callable[..., np.ndarray], forbidden: list[int], tokens: int
) -> list[int]:
    """Greedy decoding of one prompt by two whole forwards a token."""
    new: list[int] = []
    for step in range(tokens):
        z = next_logits(tiny, main, new)
        z[forbidden] = -np.inf
        new.append(int(rule(z, next_logits(tiny, view, new), step).argmax()))
    return new
