"""RITUAL's random transforms as a model meets them in training, with where each thing has gone.

The pool and its ranges are the paper's (Woo et al. 2024, arXiv 2405.17821, section 5): either flip, rotation by any
angle, colour jitter, Gaussian blur, and a crop of 8 to 100 % of the image.
"""

from __future__ import annotations

from dataclasses import replace
from math import cos, exp, log, pi, sin, sqrt

import numpy as np
from counterfoil.eval.scenes.drawing import SIDE, Scene
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

TRANSFORMS = ("horizontal_flip", "vertical_flip", "rotation", "colour_jitter", "blur", "crop")


def transformed(scene: Scene, draw: np.random.Generator) -> Scene:
    """Return the scene under one transform; things whose middle has left the image are no longer part of it."""
    name = TRANSFORMS[draw.integers(len(TRANSFORMS))]
    if name == "colour_jitter":
        return replace(scene, image=_jittered(scene.image, draw))
    if name == "blur":
        return replace(scene, image=scene.image.filter(ImageFilter.GaussianBlur(draw.uniform(1.5, 2.0))))
    return _mapped(scene, _matrix(name, draw), nearest=name == "rotation")


def _matrix(name: str, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return the matrix from points of the new image to those of the old, in pixels from the middle: [2, 3]."""
    if name == "horizontal_flip":
        return np.array([[-1.0, 0, 0], [0, 1, 0]])
    if name == "vertical_flip":
        return np.array([[1.0, 0, 0], [0, -1, 0]])
    if name == "rotation":
        angle = draw.uniform(-pi, pi)
        return np.array([[cos(angle), -sin(angle), 0], [sin(angle), cos(angle), 0]])
    area, ratio = draw.uniform(0.08, 1.0), exp(draw.uniform(log(3 / 4), log(4 / 3)))
    width, height = min(1.0, sqrt(area * ratio)), min(1.0, sqrt(area / ratio))
    left, top = draw.uniform(0, 1 - width), draw.uniform(0, 1 - height)
    return np.array([[width, 0, SIDE * (left + width / 2 - 0.5)], [0, height, SIDE * (top + height / 2 - 0.5)]])


def _mapped(scene: Scene, matrix: NDArray[np.float64], *, nearest: bool) -> Scene:
    linear, shift = matrix[:, :2], matrix[:, 2]
    middle = np.full(2, SIDE / 2)
    offset = shift + middle - linear @ middle
    image = scene.image.transform(
        (SIDE, SIDE),
        Image.Transform.AFFINE,
        (*linear[0], offset[0], *linear[1], offset[1]),
        resample=Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR,
    )
    back, growth = np.linalg.inv(linear), 1 / sqrt(abs(np.linalg.det(linear)))
    moved = []
    for thing in scene.things:
        x, y = back @ (np.array([thing.x, thing.y]) - offset)
        if 0 <= x < SIDE and 0 <= y < SIDE:
            moved.append(replace(thing, x=float(x), y=float(y), size=thing.size * growth))
    return replace(scene, image=image, things=tuple(moved))


def _jittered(image: Image.Image, draw: np.random.Generator) -> Image.Image:
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(draw.uniform(0, 2))
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue, np.uint8) + np.uint8(draw.integers(256))
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")
