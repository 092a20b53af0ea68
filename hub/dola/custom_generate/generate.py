"""DoLa, decoding by contrasting layers, as a `custom_generate` recipe."""

from typing import Any

from counterfoil.decoding import DoLaLogitsProcessor, batched_views
from transformers import GenerationMixin


def generate(
    model: Any,
    *,
    dola_layers: str | list[int] = "high",
    plausibility: float = 0.1,
    logits_processor: Any = None,
    **arguments: Any,
) -> Any:
    """Decode by DoLa.

    Args:
        model: The model.
        dola_layers: `"low"`, `"high"`, or a list of layers.
        plausibility: Tokens below this share of the largest probability are masked.
        logits_processor: Further processors, which run before the contrast.
        **arguments: Those of `generate()`.
    """
    dola = DoLaLogitsProcessor(model, dola_layers, plausibility=plausibility)
    # Not `model.generate`, which may lead here again.
    return GenerationMixin.generate(
        model, logits_processor=[*(logits_processor or []), dola], custom_generate=batched_views, **arguments
    )
