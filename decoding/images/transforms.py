"""RITUAL's pool of transformations, on Pillow and numpy.

The released code (commit 52065a66) draws one of six from torchvision, before the model's own processor. These are the
same operations with the same parameters; torchvision is not needed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..methods.parameters import check_choice
from ..methods.ritual import TRANSFORMS

if TYPE_CHECKING:
    from PIL import Image

CROP = 336
"""The side of a random resized crop: the input of LLaVA-1.5, also for models with another one, as in the code."""


@dataclass(frozen=True)
class Transform:
    """One transformation with the parameters that were drawn for it: the same image always gives the same result.

    Args:
        name: One of :data:`.ritual.TRANSFORMS`, or `"identity"`.
        parameters: What was drawn, by name.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the image transformed."""
        return _APPLY[self.name](image, **self.parameters)

    def __str__(self) -> str:
        drawn = ", ".join(f"{name} {_shown(value)}" for name, value in self.parameters.items())
        return f"{self.name} ({drawn})" if drawn else self.name


def draw_transform(image: Image.Image, seed: int, name: str | None = None) -> Transform:
    """Draw a transformation for an image: uniformly one of :data:`.ritual.TRANSFORMS`, with its parameters.

    Args:
        image: What it is for: a crop is drawn within its bounds.
        seed: The same seed draws the same, on every system.
        name: Draw the parameters of this one; `"identity"`, which is never drawn, leaves the image alone.

    Raises:
        ValueError: No such transformation.
    """
    generator = random.Random(seed)
    chosen = generator.choice(TRANSFORMS)
    if name is not None:
        check_choice("transform", name, (*TRANSFORMS, "identity"))
        chosen = name
    return Transform(chosen, _DRAW[chosen](generator, image) if chosen in _DRAW else {})


def _draw_rotation(generator: random.Random, image: Image.Image) -> dict[str, Any]:
    return {"angle": generator.uniform(-180.0, 180.0)}


def _draw_jitter(generator: random.Random, image: Image.Image) -> dict[str, Any]:
    order = ["brightness", "contrast", "saturation", "hue"]
    generator.shuffle(order)
    return {name: generator.uniform(-0.5, 0.5) if name == "hue" else generator.uniform(0.0, 2.0) for name in order}


def _draw_blur(generator: random.Random, image: Image.Image) -> dict[str, Any]:
    return {"sigma": generator.uniform(1.5, 2.0)}


def _draw_crop(generator: random.Random, image: Image.Image) -> dict[str, Any]:
    width, height = image.size
    for _ in range(10):
        area = width * height * generator.uniform(0.08, 1.0)
        ratio = math.exp(generator.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = generator.randint(0, width - w), generator.randint(0, height - h)
            return {"box": (left, top, left + w, top + h)}
    # The largest crop of an allowed shape, in the middle.
    w = min(width, max(1, round(height * 4 / 3)))
    h = min(height, max(1, round(width * 4 / 3)))
    left, top = (width - w) // 2, (height - h) // 2
    return {"box": (left, top, left + w, top + h)}


# Pillow is imported where it is used: who decodes text alone need not have it.


def _mirrored(image: Image.Image) -> Image.Image:
    from PIL import ImageOps  # noqa: PLC0415

    return ImageOps.mirror(image)


def _flipped(image: Image.Image) -> Image.Image:
    from PIL import ImageOps  # noqa: PLC0415

    return ImageOps.flip(image)


def _rotated(image: Image.Image, angle: float) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    return image.rotate(angle, resample=Image.Resampling.NEAREST, expand=False, fillcolor=(0, 0, 0))


def _jittered(image: Image.Image, **factors: float) -> Image.Image:
    from PIL import ImageEnhance  # noqa: PLC0415

    enhance = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
    }
    for name, factor in factors.items():  # in the order that was drawn
        image = _with_hue(image, factor) if name == "hue" else enhance[name](image).enhance(factor)
    return image


def _with_hue(image: Image.Image, shift: float) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue).astype(np.int16) + int(shift * 255)
    return Image.merge("HSV", (Image.fromarray((turned % 256).astype(np.uint8)), saturation, value)).convert("RGB")


def _blurred(image: Image.Image, sigma: float, size: int = 13) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    # Pillow's own Gaussian blur is an approximation by boxes.
    offsets = np.arange(size) - size // 2
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    pixels = np.asarray(image, dtype=np.float64)
    for axis in (0, 1):
        around = [(0, 0)] * 3
        around[axis] = (size // 2, size // 2)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(pixels, around, mode="reflect"), size, axis=axis)
        pixels = windows @ weights
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def _cropped(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    return image.crop(box).resize((CROP, CROP), Image.Resampling.BILINEAR)


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_DRAW: dict[str, Callable[[random.Random, Image.Image], dict[str, Any]]] = {
    "rotation": _draw_rotation,
    "color_jitter": _draw_jitter,
    "gaussian_blur": _draw_blur,
    "random_resized_crop": _draw_crop,
}
_APPLY: dict[str, Callable[..., Image.Image]] = {
    "horizontal_flip": _mirrored,
    "vertical_flip": _flipped,
    "rotation": _rotated,
    "color_jitter": _jittered,
    "gaussian_blur": _blurred,
    "random_resized_crop": _cropped,
    "identity": lambda image: image,
}
