"""Context-aware decoding as a `custom_generate` recipe."""

from collections.abc import Mapping
from typing import Any

from counterfoil.decoding import CADLogitsProcessor, batched_views
from transformers import GenerationMixin


def generate(
    model: Any,
    *,
    contrast_inputs: Mapping[str, Any],
    strength: float = 0.5,
    logits_processor: Any = None,
    **arguments: Any,
) -> Any:
    """Decode by context-aware decoding.

    Args:
        model: The model.
        contrast_inputs: What the tokenizer returns for the prompts without their context, one row for each prompt.
        strength: How much the context counts against the model's memory; 0 is plain decoding.
        logits_processor: Further processors, which run before the contrast.
        **arguments: Those of `generate()`.
    """
    cad = CADLogitsProcessor(model, contrast_inputs, strength=strength)
    # Not `model.generate`, which may lead here again.
    return GenerationMixin.generate(
        model, logits_processor=[*(logits_processor or []), cad], custom_generate=batched_views, **arguments
    )
