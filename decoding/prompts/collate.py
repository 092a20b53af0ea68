"""Several prompts as one padded batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from .prompt import Prompt


def collate(prompts: Sequence[Prompt]) -> Prompt:
    """Return all rows of several prompts as one batch, padded on the left to the longest.

    Extras of several prompts are concatenated in the order of the rows; images of those prompts that have any.

    Raises:
        ValueError: Some prompts have an input with one entry for each token, and others do not.
    """
    longest = max(prompt.input_ids.shape[1] for prompt in prompts)

    def padded(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (longest - values.shape[-1], 0))

    for key in {key for prompt in prompts for key in prompt.extras}:
        per_token = [_is_per_token(prompt, key) for prompt in prompts]
        if any(per_token) and not all(per_token):
            raise ValueError(
                f"batched_views cannot serve `{key}` of some views and not of others: make the same call without "
                "`custom_generate`"
            )
    extras: dict[str, list[Any]] = {}
    for prompt in prompts:
        for key, value in prompt.extras.items():
            extras.setdefault(key, []).append(padded(value) if _is_per_token(prompt, key) else value)
    return Prompt(
        torch.cat([padded(prompt.input_ids) for prompt in prompts]),
        torch.cat([padded(prompt.attention_mask) for prompt in prompts]),
        {key: _concatenated(key, values) for key, values in extras.items()},
    )


def _is_per_token(prompt: Prompt, key: str) -> bool:
    value = prompt.extras.get(key)
    return isinstance(value, Tensor) and (value.shape == prompt.input_ids.shape or key == "position_ids")


def _concatenated(key: str, values: Sequence[Any]) -> Any:  # noqa: ANN401  (whatever a model reads)
    if key == "mm_encoder_outputs":
        return _concatenated_encodings(values)
    if not isinstance(values[0], Tensor):
        return values[-1]
    if key == "position_ids":  # [axes, rows, length]: the rows are not the first dimension
        return torch.cat(list(values), dim=-2)
    # Images are cut into different numbers of tiles. Those with fewer get empty ones, as within one batch.
    sizes = [max(value.shape[axis] for value in values) for axis in range(1, values[0].dim())]
    return torch.cat([_padded_to(value, sizes) for value in values])


def _padded_to(values: Tensor, sizes: Sequence[int]) -> Tensor:
    missing = [size - had for size, had in zip(sizes, values.shape[1:], strict=True)]
    behind = [amount for size in reversed(missing) for amount in (0, size)]
    return torch.nn.functional.pad(values, behind) if any(missing) else values


def _concatenated_encodings(encodings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a model has made of several prompts' images, one after the other, by modality."""
    modalities = dict.fromkeys(chain.from_iterable(encodings))
    return {
        modality: _concatenated_features([each[modality] for each in encodings if modality in each])
        for modality in modalities
    }


def _concatenated_features(outputs: Sequence[Any]) -> Any:  # noqa: ANN401  (the model's own kind of output)
    together = copy.copy(outputs[0])
    together.pooler_output = _concatenated_parts([output.pooler_output for output in outputs])
    if getattr(together, "deepstack_features", None) is not None:  # features for several of the decoder's layers
        layers = zip(*(output.deepstack_features for output in outputs), strict=True)
        together.deepstack_features = [_concatenated_parts(layer) for layer in layers]
    return together


def _concatenated_parts(parts: Sequence[Any]) -> Any:  # noqa: ANN401  (a tensor, or a list with one for each image)
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts))
    return list(chain.from_iterable(parts))
