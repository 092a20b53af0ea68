"""A prompt as a tokenizer or processor returns it, brought into the one form that can be continued."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel

_POSITIONS = re.compile(r"pos|wpe")
_limits: WeakKeyDictionary[PreTrainedModel, int | None] = WeakKeyDictionary()


@dataclass(frozen=True)
class Prompt:
    """A batch of prompts, padded on the left.

    Args:
        input_ids: `[rows, length]`.
        attention_mask: `[rows, length]`, 1 for a token and 0 for padding.
        extras: Whatever else the model reads at prefill (pixel values, image sizes, token types).
    """

    input_ids: Tensor
    attention_mask: Tensor
    extras: dict[str, Any]

    @property
    def rows(self) -> int:
        """Return the number of prompts."""
        return self.input_ids.shape[0]

    def to(self, device: torch.device) -> Prompt:
        """Return the same prompts on another device."""
        extras = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in self.extras.items()}
        return Prompt(self.input_ids.to(device), self.attention_mask.to(device), extras)

    def repeat_interleave(self, times: int) -> Prompt:
        """Return each row `times` times in succession; extras with one entry for each row likewise."""
        extras = {
            key: value.repeat_interleave(times, 0)
            if isinstance(value, Tensor) and value.dim() > 0 and value.shape[0] == self.rows
            else value
            for key, value in self.extras.items()
        }
        return Prompt(
            self.input_ids.repeat_interleave(times, 0), self.attention_mask.repeat_interleave(times, 0), extras
        )


def as_prompt(inputs: Mapping[str, Any], name: str) -> Prompt:
    """Return the prompts in what a tokenizer or processor returned, with any padding on the left.

    Args:
        inputs: A mapping with `input_ids` `[rows, length]`, optionally `attention_mask` of the same shape (all ones if
            absent), and anything else that the model takes.
        name: The name of the caller's argument, for the messages.

    Raises:
        ValueError: `inputs` is no mapping with such tensors, or a row has no token.
    """
    if not isinstance(inputs, Mapping) or not isinstance(inputs.get("input_ids"), Tensor):
        found = sorted(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
        raise ValueError(
            f'`{name}` has to be what a tokenizer returns with return_tensors="pt" (a mapping with `input_ids`), '
            f"but is {found}"
        )
    ids = inputs["input_ids"]
    if ids.dim() != 2 or ids.is_floating_point():
        raise ValueError(
            f"`{name}['input_ids']` has to be integers of shape [rows, length], "
            f"but is {ids.dtype} of shape {list(ids.shape)}"
        )
    mask = inputs.get("attention_mask")
    mask = torch.ones_like(ids) if mask is None else mask
    if mask.shape != ids.shape:
        raise ValueError(
            f"`{name}['attention_mask']` has to have the shape of `input_ids` {list(ids.shape)}, "
            f"but has {list(mask.shape)}"
        )
    mask = (mask != 0).long()
    if ids.numel() == 0 or bool((mask.sum(-1) == 0).any()):
        raise ValueError(f"`{name}` has to hold at least one token a row, but is empty")
    # Labels are for training, but a processor may return them.
    extras = {key: value for key, value in inputs.items() if key not in ("input_ids", "attention_mask", "labels")}
    return _left_padded(ids, mask, extras)


def has_images(prompt: Prompt) -> bool:
    """Return whether the prompt holds pixels, or the features that a model has made of them."""
    return any(prompt.extras.get(key) is not None for key in ("pixel_values", "mm_encoder_outputs"))


def check_readable(prompt: Prompt, model: PreTrainedModel) -> None:
    """Reject a prompt that `model` cannot read.

    Raises:
        ValueError: It is longer than the model's table of positions, has ids that the model does not have, or has image
            tokens without pixels.
    """
    longest = position_limit(model)
    if longest is not None and prompt.input_ids.shape[1] > longest:
        raise ValueError(
            f"the contrast has to fit the {longest} positions of {type(model).__name__}, "
            f"but is {prompt.input_ids.shape[1]} tokens long"
        )
    ids = prompt.input_ids
    image = getattr(model.config, "image_token_id", None)
    if image is not None:
        if bool((ids == image).any()) and not has_images(prompt):
            raise ValueError(
                "the contrast has to bring the pixels of its images, but has image tokens alone: give all that the "
                "processor returned, or a prompt without the image"
            )
        ids = ids.masked_fill(ids == image, 0)  # a placeholder, which may have no embedding
    tokens = number_of_tokens(model)
    ids = ids.masked_fill(prompt.attention_mask == 0, 0)  # another model's pad token
    if tokens and not 0 <= int(ids.min()) <= int(ids.max()) < tokens:
        raise ValueError(
            f"the contrast's ids have to be below the {tokens} tokens of {type(model).__name__}, "
            f"but go from {int(ids.min())} to {int(ids.max())}"
        )


def number_of_tokens(model: PreTrainedModel) -> int | None:
    """Return how many tokens a model has embeddings of; `None` if it does not tell."""
    return getattr(model.get_input_embeddings(), "num_embeddings", None)


def position_limit(model: PreTrainedModel) -> int | None:
    """Return how many positions a model has a table of; `None` if it computes them, as RoPE and ALiBi do.

    A model with RoPE reads beyond its `max_position_embeddings`, and is often made to by a scaling that leaves that
    number as it is.
    """
    if model not in _limits:
        _limits[model] = _position_limit(model)
    return _limits[model]


def _position_limit(model: PreTrainedModel) -> int | None:
    config: Any = model.config.get_text_config(decoder=True)
    longest = getattr(config, "max_position_embeddings", None)
    if not longest or getattr(config, "rope_parameters", None):
        return None
    tables = {**dict(model.named_parameters()), **dict(model.named_buffers()), **vars(model.base_model)}
    # Some tables have a few rows more, for padding and the like.
    return next(
        (
            longest
            for name, table in tables.items()
            if _POSITIONS.search(name) and isinstance(table, Tensor) and longest <= len(table) < longest + 8
        ),
        None,
    )


def _left_padded(ids: Tensor, mask: Tensor, extras: dict[str, Any]) -> Prompt:
    order = torch.argsort(mask, dim=-1, stable=True)  # padding first, then the tokens in their order
    used = int(mask.sum(-1).max())

    def moved(values: Tensor) -> Tensor:
        return values.gather(-1, order)[:, -used:]

    extras = {
        key: moved(value) if isinstance(value, Tensor) and value.shape == ids.shape else value
        for key, value in extras.items()
    }
    return Prompt(moved(ids), moved(mask), extras)
