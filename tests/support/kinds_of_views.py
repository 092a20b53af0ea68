"""A processor of each kind of view, and short generations with it, for tests of what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    ContrastiveSearchLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
)
from counterfoil.decoding.views import PromptView
from counterfoil.decoding.views.forward_recorder import CACHE_NAME
from counterfoil.decoding.views.generate_call import Generation
from torch import Tensor
from transformers import DynamicCache, LogitsProcessorList

from tests.support.tiny_models import padded, random_prompts

NEW = 6
PROMPTS = random_prompts([9, 3, 6, 5], seed=71)
CONTRAST = padded(random_prompts([4], seed=72))
MAKE: dict[str, Callable[[Any], Any]] = {
    "cad": lambda m: CADLogitsProcessor(m, CONTRAST, strength=1.0),
    "cut context": lambda m: ContrastiveDecodingLogitsProcessor(m, CutContext(m, 2), plausibility=0.05, strength=1.0),
    "dola": lambda m: DoLaLogitsProcessor(m, [1, 2]),
    "contrastive search": ContrastiveSearchLogitsProcessor,
}


def generate(model: Any, prompts: list[list[int]], processor: Any, **options: Any) -> list[list[int]]:
    """Return the new tokens of each prompt under a processor, or a list of them."""
    inputs = padded(prompts)
    processors = processor if isinstance(processor, list) else [processor]
    output = model.generate(
        **inputs, logits_processor=processors, **{"max_new_tokens": NEW, "do_sample": False, **options}
    )
    return output[:, inputs["input_ids"].shape[1] :].tolist()


@torch.no_grad()
def greedy_loop(
    model: Any, prompt: list[int], processors: Callable[[Tensor, Tensor], Tensor], *, cache: object = "dynamic"
) -> list[int]:
    """Return the greedy tokens of a loop that is not `generate()`.

    `cache` is the one to use, `"dynamic"` for a new one, or `None` to read everything at each step.
    """
    ids = torch.tensor([prompt])
    kept: Any = DynamicCache(config=model.config) if cache == "dynamic" else cache
    read = 0
    for _ in range(NEW):
        options = {} if kept is None else {CACHE_NAME: kept, "use_cache": True}
        scores = model(input_ids=ids[:, read:], **options).logits[:, -1].float()
        read = 0 if kept is None else ids.shape[1]
        ids = torch.cat([ids, processors(ids, scores).argmax(-1, keepdim=True)], -1)
    return ids[0, len(prompt) :].tolist()


class Call:
    """A generate() call, or another loop, as a view sees it: the ids of each step and nothing of the main model."""

    def __init__(self, view: PromptView, *, in_generate: bool = True) -> None:
        self._view, self._processors = view, LogitsProcessorList() if in_generate else None
        self._generation: Generation | None = None

    def logits(self, ids: Tensor) -> Tensor:
        if self._generation is None:
            self._generation = Generation(ids, self._processors, None)
        else:
            self._generation.advance(ids, None)
        return self._view.logits(ids, self._generation)
