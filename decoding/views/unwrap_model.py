"""A model as the views need it: out of its wrappers, and in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


def unwrap_model(model: Any, name: str) -> PreTrainedModel:  # noqa: ANN401
    """Return the transformers model inside a compiled or PEFT-wrapped one, adapters included.

    Args:
        model: What the caller passed.
        name: The name of the caller's argument, for the message.

    Raises:
        ValueError: There is no transformers model in it.
    """
    inner = getattr(model, "_orig_mod", model)  # torch.compile
    if hasattr(inner, "get_base_model"):  # peft
        inner = inner.get_base_model()
    if not isinstance(inner, PreTrainedModel):
        raise ValueError(f"`{name}` has to be a transformers model, but is {type(model).__name__}")
    return inner


def input_device(model: PreTrainedModel, otherwise: torch.device | str) -> torch.device:
    """Return the device that a model is given ids on: its own, or `otherwise` if its weights are offloaded."""
    return torch.device(otherwise) if model.device.type == "meta" else model.device


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put the model in evaluation mode for a `with` block, then restore the mode of each module.

    For trial forwards, whose result must not depend on dropout.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def is_compiled(model: PreTrainedModel) -> bool:
    """Return whether the model's forward, or that of any of its modules, has been compiled."""
    own = hasattr(model.forward, "_torchdynamo_orig_callable")
    return own or any(getattr(module, "_compiled_call_impl", None) is not None for module in model.modules())
