"""A scene as a picture: things on a grid of nine places, clear, or unclear in one of four ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .objects import NAMES, TILTS, TINTS, sprite

SIDE = 96
"""Height and width of a picture in pixels; the model reads it at half of that."""

PLACES = 3
"""The grid is of so many rows and columns."""

Unclear = Literal["small", "blurred", "noised", "occluded"]
UNCLEAR: tuple[Unclear, ...] = ("small", "blurred", "noised", "occluded")


@dataclass(frozen=True)
class Thing:
    """A thing in a picture.

    Args:
        name: One of :data:`.objects.NAMES`.
        x: The column of its middle, in pixels.
        y: The row of its middle.
        size: Its height and width.
    """

    name: str
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Scene:
    """A picture and what it shows.

    Args:
        image: The picture, RGB.
        things: What was drawn, hidden or not.
        unclear: In which way it is unclear, if it is.
    """

    image: Image.Image
    things: tuple[Thing, ...]
    unclear: Unclear | None = None

    @property
    def objects(self) -> tuple[str, ...]:
        """Return the names of the things, in the order of :data:`.objects.NAMES`."""
        shown = {thing.name for thing in self.things}
        return tuple(name for name in NAMES if name in shown)


def draw_scene(objects: Sequence[str], draw: np.random.Generator, unclear: Unclear | None = None) -> Scene:
    """Draw things at random places, none over another.

    Args:
        objects: Names, each once; at most nine.
        draw: Source of randomness.
        unclear: `"small"` things have a third of their size, `"blurred"` and `"noised"` pictures have lost detail, an
            `"occluded"` picture has a grey board before each thing that leaves a strip of it.
    """
    canvas = _background(draw)
    things = _placed(objects, draw, small=unclear == "small")
    for thing in things:
        _paste(canvas, thing, draw)
    if unclear == "occluded":
        for thing in things:
            _cover(canvas, thing, draw)
    if unclear == "noised":
        canvas += draw.normal(0, draw.uniform(80, 160), canvas.shape)
    image = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    if unclear == "blurred":
        image = image.filter(ImageFilter.GaussianBlur(draw.uniform(3.5, 6.5)))
    return Scene(image, tuple(things), unclear)


def _background(draw: np.random.Generator) -> NDArray[np.float32]:
    """Return a plain colour, dark or light, that changes a little from edge to edge: [SIDE, SIDE, 3]."""
    base = draw.uniform(15, 85, 3) if draw.random() < 0.5 else draw.uniform(165, 240, 3)
    ramp = np.linspace(-0.5, 0.5, SIDE)[:, None, None] * draw.uniform(-40, 40, 3)
    canvas = np.broadcast_to(base + ramp, (SIDE, SIDE, 3))
    turned = canvas if draw.random() < 0.5 else canvas.transpose(1, 0, 2)
    return turned.astype(np.float32) + draw.normal(0, 4, (SIDE, SIDE, 1)).astype(np.float32)


def _placed(objects: Sequence[str], draw: np.random.Generator, *, small: bool) -> list[Thing]:
    cell = SIDE / PLACES
    places = draw.permutation(PLACES**2)[: len(objects)]
    things = []
    for name, place in zip(objects, places, strict=True):
        size = int(draw.integers(8, 12)) if small else int(draw.integers(24, 33))
        free = (cell - size) / 2
        row, column = divmod(int(place), PLACES)
        x, y = (cell * (i + 0.5) + draw.uniform(-free, free) for i in (column, row))
        things.append(Thing(name, x, y, size))
    return things


def _paste(canvas: NDArray[np.float32], thing: Thing, draw: np.random.Generator) -> None:
    size = int(thing.size)
    image = sprite(thing.name, size, int(draw.integers(TINTS)), TILTS[draw.integers(len(TILTS))])
    pixels = np.asarray(image, np.float32)
    left, top = (min(max(round(middle - size / 2), 0), SIDE - size) for middle in (thing.x, thing.y))
    under = canvas[top : top + size, left : left + size]
    under += (pixels[..., :3] - under) * (pixels[..., 3:] / 255)


def _cover(canvas: NDArray[np.float32], thing: Thing, draw: np.random.Generator) -> None:
    """Draw a board over all of a thing but a strip at one of its four sides."""
    half = int(thing.size / 2) + 2
    shown = round(draw.uniform(0.2, 0.45) * thing.size)
    low, high = np.array([thing.y, thing.x]).round().astype(int) - half, np.array([thing.y, thing.x]).astype(int) + half
    axis = draw.integers(2)
    if draw.random() < 0.5:
        low[axis] += shown + 2
    else:
        high[axis] -= shown + 2
    low, high = low.clip(0, SIDE), high.clip(0, SIDE)
    canvas[low[0] : high[0], low[1] : high[1]] = draw.uniform(70, 170)
