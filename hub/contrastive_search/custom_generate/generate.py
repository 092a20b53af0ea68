"""Contrastive search as a `custom_generate` recipe."""

from typing import Any

from counterfoil.decoding import contrastive_search
from transformers import GenerationMixin


def generate(model: Any, **arguments: Any) -> Any:
    """Decode by contrastive search.

    Args:
        model: The model.
        **arguments: Those of `generate()`, with `penalty_alpha` (0.6) and `top_k` (4) among them.
    """
    # Not `model.generate`, which may lead here again.
    return GenerationMixin.generate(model, custom_generate=contrastive_search, **arguments)
