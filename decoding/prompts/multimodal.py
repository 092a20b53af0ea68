"""Prompts with images in them, as rows of a forward that has other rows as well.

`generate()` reads the images once a prompt, makes the positions and only then multiplies the rows by its beams. A view
whose rows join the main ones has to come in that same state: with features for pixels (transformers from 5.19 on), and
with the positions that only the images' sizes tell (M-RoPE), which are gone once the pixels are.
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
def encoded(prompt: Prompt, model: PreTrainedModel) -> Prompt:
    """The prompt as `generate()` has it before it multiplies rows.

    Args:
        prompt: One row for each prompt, on the model's device.
        model: A decoder-only model.

    Returns:
        The same rows, with `position_ids` of several axes where the model has such, and with features instead of pixels
        where it takes those.
    """
    reader: Any = model
    state = {**prompt.extras, "attention_mask": prompt.attention_mask}
    positions = positions_of(model, prompt.input_ids, state)
    if positions is not None and positions.dim() > 2:
        state["position_ids"] = positions
    # Before transformers 5.19 pixels stay pixels until the forward, and rows are multiplied with them.
    if has_images(prompt) and hasattr(reader, "_maybe_prepare_encoder_kwargs_for_generation"):
        state = reader._maybe_prepare_encoder_kwargs_for_generation(
            prompt.input_ids, state, "input_ids", GenerationConfig()
        )
    del state["attention_mask"]
    return Prompt(prompt.input_ids, prompt.attention_mask, state)


def multiplied(prompt: Prompt, times: int, model: PreTrainedModel) -> Prompt:
    """Each row `times` times in a row, its images with it, by the model's own rule for its beams."""
    if times == 1:
        return prompt
    expander: Any = model
    ids, extras = expander._expand_inputs_for_generation(
        times, False, prompt.input_ids, attention_mask=prompt.attention_mask, **prompt.extras
    )
    return Prompt(ids, extras.pop("attention_mask"), extras)


def positions_of(model: PreTrainedModel, ids: Tensor, state: dict[str, Any]) -> Tensor | None:
    """The position ids that `generate()` would make for a prefill, `[rows, length]` or `[axes, rows, length]`.

    `None` for a model that takes none. Models with M-RoPE remember how far the positions of the last prompt they were
    asked about run ahead, and continue from there when they are given a cache and no positions. The last prompt they
    were asked about stays the main one.
    """
    asked: Any = model
    if not hasattr(asked, "_prepare_position_ids_for_generation"):
        return None
    with _unchanged(asked.base_model, "rope_deltas"):
        return asked._prepare_position_ids_for_generation(ids, state)


@contextmanager
def _unchanged(module: Any, name: str) -> Iterator[None]:  # noqa: ANN401
    before = getattr(module, name, None)
    try:
        yield
    finally:
        if hasattr(module, name):
            setattr(module, name, before)
