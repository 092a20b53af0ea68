"""The model inside what people have around it."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel


def unwrapped(model: Any, name: str) -> PreTrainedModel:  # noqa: ANN401
    """The transformers model in a compiled or PEFT-wrapped one, adapters included.

    Args:
        model: What the caller gave.
        name: What the caller's argument is called, for the message.

    Raises:
        ValueError: There is no transformers model in it.
    """
    inner = getattr(model, "_orig_mod", model)  # torch.compile
    if hasattr(inner, "get_base_model"):  # peft
        inner = inner.get_base_model()
    if not isinstance(inner, PreTrainedModel):
        raise ValueError(f"`{name}` has to be a transformers model, but is {type(model).__name__}")
    return inner
