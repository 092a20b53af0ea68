"""Rows of several prompts as one batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from .prompt import Prompt


def joined(prompts: Sequence[Prompt]) -> Prompt:
    """All rows of several prompts as one batch, padded on the left to the longest.

    Extras that several of them have follow one another, as the rows do; so do the images of those that have any.
    """
    longest = max(prompt.input_ids.shape[1] for prompt in prompts)

    def widened(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (longest - values.shape[-1], 0))

    for key in {key for prompt in prompts for key in prompt.extras}:
        ids_alike = [_aligned_with_ids(prompt, key) for prompt in prompts]
        if any(ids_alike) and not all(ids_alike):
            raise ValueError(
                f"batched_views cannot serve `{key}` of some views and not of others: make the same call without "
                "`custom_generate`"
            )
    extras: dict[str, list[Any]] = {}
    for prompt in prompts:
        for key, value in prompt.extras.items():
            extras.setdefault(key, []).append(widened(value) if _aligned_with_ids(prompt, key) else value)
    return Prompt(
        torch.cat([widened(prompt.input_ids) for prompt in prompts]),
        torch.cat([widened(prompt.attention_mask) for prompt in prompts]),
        {key: _together(key, values) for key, values in extras.items()},
    )


def _aligned_with_ids(prompt: Prompt, key: str) -> bool:
    value = prompt.extras.get(key)
    return isinstance(value, Tensor) and (value.shape == prompt.input_ids.shape or key == "position_ids")


def _together(key: str, values: Sequence[Any]) -> Any:  # noqa: ANN401  (whatever a model reads)
    if key == "mm_encoder_outputs":
        return _encodings(values)
    if not isinstance(values[0], Tensor):
        return values[-1]
    if key == "position_ids":  # [axes, rows, length]: the rows are not the first dimension
        return torch.cat(list(values), dim=-2)
    # Images are cut into different numbers of tiles: those that are short of some get empty ones, as in a batch.
    sizes = [max(value.shape[axis] for value in values) for axis in range(1, values[0].dim())]
    return torch.cat([_filled(value, sizes) for value in values])


def _filled(values: Tensor, sizes: Sequence[int]) -> Tensor:
    missing = [size - had for size, had in zip(sizes, values.shape[1:], strict=True)]
    behind = [amount for size in reversed(missing) for amount in (0, size)]
    return torch.nn.functional.pad(values, behind) if any(missing) else values


def _encodings(encodings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a model has made of several prompts' images, one after the other, by modality."""
    modalities = dict.fromkeys(chain.from_iterable(encodings))
    return {modality: _features([each[modality] for each in encodings if modality in each]) for modality in modalities}


def _features(outputs: Sequence[Any]) -> Any:  # noqa: ANN401  (the model's own kind of output)
    together = copy.copy(outputs[0])
    together.pooler_output = _chained([output.pooler_output for output in outputs])
    if getattr(together, "deepstack_features", None) is not None:  # features for several of the decoder's layers
        layers = zip(*(output.deepstack_features for output in outputs), strict=True)
        together.deepstack_features = [_chained(layer) for layer in layers]
    return together


def _chained(parts: Sequence[Any]) -> Any:  # noqa: ANN401  (a tensor, or a list with one for each image)
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts))
    return list(chain.from_iterable(parts))
