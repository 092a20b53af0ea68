"""The images of a contrast request: those of the main request, none, or changed ones.

Changed images are made here from what the model reads (resized, cropped, normalised pixels), because the engine core
has no file and no URL. A changed image gets an identifier of its own: vLLM caches encoded images and prompts by
identifier, and under the old one the contrast request would be given the image as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...by_name import processor_class
from ...methods.method import Method
from ..contrast_params import ContrastParams
from .tiles import cut, joined

if TYPE_CHECKING:
    from vllm.config import ModelConfig  # pyright: ignore[reportMissingImports]
    from vllm.multimodal.inputs import MultiModalFeatureSpec  # pyright: ignore[reportMissingImports]
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

PIXELS = "pixel_values"
GRID = "image_grid_thw"


def contrast_features(main: Request, contrast: ContrastParams, config: ModelConfig) -> list[MultiModalFeatureSpec]:
    """Return the contrast request's images, in the order of the main request's.

    Args:
        main: The client's request.
        contrast: The contrast that it asks for.
        config: The model's configuration.

    Raises:
        ValueError: If the method changes images and there is none, or none that can be changed, or if a contrast prompt
            has an image's place in it.
    """
    features = main.mm_features
    if contrast.changes_image:
        return _changed_features(features, contrast, config)
    if contrast.contrast_ids:
        for contrast_ids in contrast.contrast_ids:
            _check_text_alone(main, contrast_ids)
        return []
    if features and contrast.cut_context is not None:
        raise ValueError("`cf_cut_context` has to go with a prompt of text alone, but there are images in it")
    if not contrast.without_adapter:
        return list(features)
    # The identifier names the adapter that encoded the image.
    return [replace(feature, identifier=feature.mm_hash or feature.identifier) for feature in features]


def _check_text_alone(main: Request, contrast_ids: Sequence[int]) -> None:
    """Reject a contrast prompt with an image's placeholder in it: there would be no image for it."""
    prompt = main.prompt_token_ids or []
    places: set[int] = set()
    for feature in main.mm_features:
        start, shown = feature.mm_position.offset, feature.mm_position.is_embed
        for i, token in enumerate(prompt[start : start + feature.mm_position.length]):
            if shown is None or shown[i]:
                places.add(token)
    for token in contrast_ids:
        if token in places:
            raise ValueError(
                f"`cf_contrast_ids` has to be text alone if the prompt has an image, but holds its token {token}"
            )


def _changed_features(
    features: Sequence[MultiModalFeatureSpec], contrast: ContrastParams, config: ModelConfig
) -> list[MultiModalFeatureSpec]:
    if not features:
        raise ValueError(f"{contrast.method.name} has to be given an image, but the prompt has none")
    made = {p.name: getattr(contrast.method, p.name) for p in contrast.method.parameters() if p.makes_contrast}
    label = f"{contrast.method.name} {made} {contrast.seed}"
    changed = []
    for index, feature in enumerate(features):
        if feature.modality != "image":
            raise ValueError(f"{contrast.method.name} has to be given images alone, but there is {feature.modality}")
        item = _pixels_of(feature, contrast.method.name)
        element = item[PIXELS]
        pixels = changed_pixels(item, contrast.method, contrast.seed + index, config)
        data = type(item)({**item, PIXELS: replace(element, data=pixels)})
        name = f"{feature.identifier} {index} {label}"
        changed.append(replace(feature, data=data, identifier=name, mm_hash=None))
    return changed


def _pixels_of(feature: MultiModalFeatureSpec, method: str) -> Any:  # noqa: ANN401  (MultiModalKwargsItem)
    item = feature.data
    if item is None:
        raise ValueError(
            f"{method} has to see the pixels, but they are not in the engine core: start the engine with "
            "--mm-processor-cache-type lru"
        )
    if PIXELS not in item or not isinstance(item[PIXELS].data, Tensor):
        raise ValueError(f"{method} has to find `{PIXELS}`, but this model reads {', '.join(item)}: it is not served")
    return item


def changed_pixels(item: Any, method: Method, seed: int, config: ModelConfig) -> Tensor:  # noqa: ANN401
    """Return the pixels of the contrast, changed as the method's logits processor changes them for the same seed.

    Args:
        item: vLLM's `MultiModalKwargsItem` of one image.
        method: A method that changes images.
        seed: The seed of what is drawn.
        config: The model's configuration.

    Raises:
        ValueError: If this model's images cannot be changed as the method asks.
    """
    kind = processor_class(method)
    if kind.changed_pixels is not None:
        pixels = item[PIXELS].data
        patches = GRID in item
        inputs = {PIXELS: pixels, GRID: item[GRID].data.reshape(1, 3)} if patches else {PIXELS: pixels[None]}
        frames = getattr(getattr(config.hf_config, "vision_config", None), "temporal_patch_size", 1)
        changed = kind.changed_pixels(method, inputs, seeds=[seed], frames=frames)[PIXELS]
        return changed if patches else changed[0]
    if kind.changed_image is not None:
        change = partial(kind.changed_image, method, seed=seed)
        return _pixels_of_changed_image(item, change, method.name, config)
    raise ValueError(f"{method.name} has to say how it changes an image, but does not: it is not served")


def _pixels_of_changed_image(
    item: Any,  # noqa: ANN401  (MultiModalKwargsItem)
    change: Callable[[Image.Image], Image.Image],
    method: str,
    config: ModelConfig,
) -> Tensor:
    """Return the pixels of the image as the model reads it, changed and brought back to its size."""
    pixels = item[PIXELS].data
    if GRID in item or pixels.dim() not in (3, 4):
        raise ValueError(
            f"{method} has to find an image, or tiles of one, but this model reads it as {tuple(pixels.shape)}: change "
            "the image before it is sent, with the logits processor in transformers"
        )
    reader = _image_processor(config.model, config.revision, config.trust_remote_code)
    mean, deviation = _normalisation(reader, method)
    plain = pixels.reshape(-1, *pixels.shape[-3:]).float() * deviation + mean
    tiles = [Image.fromarray(one.numpy()) for one in (plain * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1)]
    resample = getattr(reader, "resample", None) or Image.Resampling.BICUBIC
    image = _joined(tiles, resample, method)
    seen = change(image)
    if seen.size != image.size:
        seen = seen.resize(image.size, Image.Resampling.BICUBIC)
    changed = [seen] if len(tiles) == 1 else cut(seen, tiles[0].size, resample)
    values = torch.stack([torch.from_numpy(np.asarray(one).copy()).permute(2, 0, 1) / 255 for one in changed])
    return ((values - mean) / deviation).reshape(pixels.shape).to(pixels)


def _joined(tiles: list[Image.Image], resample: int, method: str) -> Image.Image:
    """Return the image that a model reads as these tiles."""
    if len(tiles) == 1:
        return tiles[0]
    try:
        return joined(tiles, resample)
    except ValueError as error:
        raise ValueError(
            f"{method} has to put the image together again, but {error}: change the image before it is sent, with the "
            "logits processor in transformers"
        ) from error


def _normalisation(reader: Any, method: str) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Return mean and standard deviation, `[3, 1, 1]` each, with which a model's processor normalises pixels."""
    mean, deviation = getattr(reader, "image_mean", None), getattr(reader, "image_std", None)
    if mean is None or deviation is None:
        raise ValueError(
            f"{method} has to know how the model's processor normalises pixels, but it has no image_mean and image_std"
        )
    return torch.tensor(mean)[:, None, None], torch.tensor(deviation)[:, None, None]


@lru_cache(maxsize=1)
def _image_processor(model: str, revision: str | None, trust_remote_code: bool) -> Any:  # noqa: ANN401
    from transformers import AutoImageProcessor  # noqa: PLC0415

    try:
        return AutoImageProcessor.from_pretrained(model, revision=revision, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError) as error:
        raise ValueError(f"the model's image processor has to be read to change an image, but: {error}") from error
