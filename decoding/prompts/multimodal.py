"""Prompts with images, in the state in which they can join the rows of another forward.

`generate()` reads the images once for each prompt, makes the positions, and only then multiplies the rows by its beams.
A contrast whose rows join the main ones must be in that state: with features instead of pixels (transformers from 5.19
on), and with the positions that depend on the images' sizes (M-RoPE), which are gone once the pixels are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from .prompt import Prompt, has_images


@torch.no_grad()
def encode_images(prompt: Prompt, model: PreTrainedModel) -> Prompt:
    """Return the prompt as `generate()` has it before it multiplies rows.

    Args:
        prompt: One row for each prompt, on the model's device.
        model: A decoder-only model.

    Returns:
        The same rows, with `position_ids` of several axes if the model has such, and with features instead of pixels if
        it takes those.
    """
    reader: Any = model
    state = {**prompt.extras, "attention_mask": prompt.attention_mask}
    positions = position_ids(model, prompt.input_ids, state)
    if positions is not None and positions.dim() > 2:
        state["position_ids"] = positions
    # Before transformers 5.19 pixels stay pixels until the forward, and rows are multiplied with them.
    if has_images(prompt) and hasattr(reader, "_maybe_prepare_encoder_kwargs_for_generation"):
        state = reader._maybe_prepare_encoder_kwargs_for_generation(
            prompt.input_ids, state, "input_ids", GenerationConfig()
        )
    del state["attention_mask"]
    return Prompt(prompt.input_ids, prompt.attention_mask, state)


def expand_rows(prompt: Prompt, times: int, model: PreTrainedModel) -> Prompt:
    """Return each row `times` times in succession, with its images, as the model itself does for its beams."""
    if times == 1:
        return prompt
    expander: Any = model
    ids, extras = expander._expand_inputs_for_generation(
        times, False, prompt.input_ids, attention_mask=prompt.attention_mask, **prompt.extras
    )
    return Prompt(ids, extras.pop("attention_mask"), extras)


def position_ids(model: PreTrainedModel, ids: Tensor, state: dict[str, Any]) -> Tensor | None:
    """Return the position ids that `generate()` would make for a prefill.

    Models with M-RoPE remember how far the positions of the last prompt run ahead of its tokens, and continue from
    there when they are given a cache and no positions. That memory stays with the main prompt.

    Args:
        model: The model.
        ids: `[rows, length]`.
        state: The other inputs of the prefill.

    Returns:
        `[rows, length]` or `[axes, rows, length]`; `None` if the model takes no positions.
    """
    maker: Any = model
    if not hasattr(maker, "_prepare_position_ids_for_generation"):
        return None
    with _unchanged(maker.base_model, "rope_deltas"):
        return maker._prepare_position_ids_for_generation(ids, state)


@contextmanager
def _unchanged(module: Any, name: str) -> Iterator[None]:  # noqa: ANN401
    before = getattr(module, name, None)
    try:
        yield
    finally:
        if hasattr(module, name):
            setattr(module, name, before)
