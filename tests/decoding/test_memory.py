"""Nothing but the caches grows while decoding, and nothing stays behind."""

from __future__ import annotations

import functools
import gc

import pytest
import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    ContrastiveSearchLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    batched_views,
)

from tests.support.tiny_models import padded, random_prompts, tiny_model

STEPS = 1000
PROMPTS, CONTRASTS = random_prompts([5, 3], seed=61), random_prompts([2, 4], seed=62)


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def counts_of(processor: object, **options: object) -> tuple[list[int], int, int]:
    """Live tensors at steps 100, 200, ... 1,000, and before and after the whole call."""
    model = tiny_model("llama", max_position_embeddings=2048)
    counts: list[int] = []
    before = live_tensors()

    def count(input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        if (input_ids.shape[1] - 5) % 100 == 0:
            counts.append(live_tensors())
        return torch.zeros(len(input_ids), dtype=torch.bool)

    model.generate(
        **padded(PROMPTS), logits_processor=[processor], max_new_tokens=STEPS, do_sample=False,
        stopping_criteria=[count], **options,
    )  # fmt: skip
    return counts, before, live_tensors()


@pytest.mark.parametrize("method", ["cad", "cad, one forward", "cut context", "dola", "contrastive search"])
def test_a_thousand_steps_hold_no_more_tensors_than_a_hundred(method: str) -> None:
    model = tiny_model("llama", max_position_embeddings=2048)
    make = {
        "cad": functools.partial(CADLogitsProcessor, model, padded(CONTRASTS), strength=1.0),
        "cad, one forward": functools.partial(CADLogitsProcessor, model, padded(CONTRASTS), strength=1.0),
        "cut context": lambda: ContrastiveDecodingLogitsProcessor(model, CutContext(model, 2)),
        "dola": functools.partial(DoLaLogitsProcessor, model),
        "contrastive search": functools.partial(ContrastiveSearchLogitsProcessor, model),
    }[method]
    processor = make()
    options = {"custom_generate": batched_views} if "one forward" in method else {}
    counts, before, after = counts_of(processor, **options)
    assert len(counts) == STEPS // 100
    assert max(counts) - min(counts) <= 1
    if method != "dola":  # whose taps keep the last step's hidden states, one vector a row and layer
        assert after <= before
