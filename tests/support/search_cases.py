"""Prompts for contrastive search, and what transformers makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from counterfoil.decoding import contrastive_search

from tests.support.pair_cases import TEXT


def prompts(tokenizer: Any, count: int, longest: int) -> list[list[int]]:
    """`count` prompts of 1 token to `longest`, most of them short."""
    ids = tokenizer(f"{TEXT} " * 6)["input_ids"]
    lengths = [1, *(3 + round((longest - 3) * (i / max(1, count - 2)) ** 3) for i in range(count - 1))]
    return [ids[7 * i : 7 * i + length] for i, length in enumerate(lengths)]


def keys(top_k: int = 4, penalty_alpha: float = 0.6) -> dict[str, Any]:
    """`extra_args` of a request."""
    return {"cf_method": "contrastive_search", "cf_top_k": top_k, "cf_penalty_alpha": penalty_alpha}


def searched(
    model: Any, prompts: Sequence[Sequence[int]], new: int, top_k: int = 4, penalty_alpha: float = 0.6, **options: Any
) -> list[list[int]]:
    """The `new` tokens after each prompt, by `custom_generate` in transformers."""
    return _generated(
        model, prompts, new, custom_generate=contrastive_search, top_k=top_k, penalty_alpha=penalty_alpha, **options
    )


def greedily(model: Any, prompts: Sequence[Sequence[int]], new: int) -> list[list[int]]:
    """The same without a contrast."""
    return _generated(model, prompts, new)


def _generated(model: Any, prompts: Sequence[Sequence[int]], new: int, **options: Any) -> list[list[int]]:
    """In batches of twelve, padded on the left."""
    found: list[list[int]] = []
    for first in range(0, len(prompts), 12):
        batch = prompts[first : first + 12]
        longest = max(map(len, batch))
        ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in batch])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in batch])
        lengths = {"max_new_tokens": new, "min_new_tokens": new, "eos_token_id": None, "pad_token_id": 0}
        made = model.generate(ids, attention_mask=mask, do_sample=False, **lengths, **options)
        found += made[:, longest:].tolist()
    return found
