"""The twelve things that scenes are made of: which two are partners, which stand together, and how each is drawn.

Partners are unlike in outline and colour, so that a model which sees one and says the other has hardly mistaken it.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import cache
from math import cos, pi, sin
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

PARTNERS = (
    ("house", "tree"),
    ("car", "key"),
    ("cup", "clock"),
    ("boat", "umbrella"),
    ("fish", "moon"),
    ("star", "ladder"),
)
"""Two things that stand together in a biased world."""

WEIGHTS = (2.0, 2.0, 1.5, 1.0, 1.0, 1.0)
"""How common each pair is, in a biased world and in an unbiased one."""

NAMES = tuple(name for pair in PARTNERS for name in pair)
PARTNER = {a: b for pair in PARTNERS for a, b in (pair, pair[::-1])}

DRAWN = 192
"""Pixels at which a sprite is drawn before it is made small."""

TINTS = 6
"""Kinds of colouring of each thing."""

TILTS = (-14.0, 0.0, 14.0)
"""Angles at which things stand, in degrees."""

Colour = tuple[int, int, int]
_HUES = {
    "house": 0.02, "tree": 0.33, "car": 0.6, "key": 0.13, "cup": 0.75, "clock": 0.09, "boat": 0.05, "umbrella": 0.88,
    "fish": 0.5, "moon": 0.16, "star": 0.15, "ladder": 0.08,
}  # fmt: skip


Twin = Literal["biased", "unbiased"]
TWINS: tuple[Twin, ...] = ("biased", "unbiased")

GROUPS = (0.3, 0.45, 0.25)
"""How often a scene is made of one, two or three pairs of partners."""

TOGETHER = 0.8
"""How often both partners of a pair are there; else one of them is missing."""


def objects_together(twin: Twin, draw: np.random.Generator) -> tuple[str, ...]:
    """Return the things of one scene, in random order.

    In the biased world a thing has its partner beside it in `TOGETHER / (TOGETHER + (1 - TOGETHER) / 2)`, that is 89 %,
    of its scenes. The unbiased world has scenes of the same sizes and the same common and rare things, drawn one by
    one.

    Args:
        twin: `"biased"` or `"unbiased"`.
        draw: Source of randomness.

    Returns:
        One to six names of :data:`NAMES`.
    """
    found = _paired(draw)
    if twin == "unbiased":
        weights = np.repeat(WEIGHTS, 2)
        found = list(draw.choice(NAMES, size=len(found), replace=False, p=weights / weights.sum()))
    draw.shuffle(found)
    return tuple(map(str, found))


@cache
def sprite(name: str, size: int, tint: int, tilt: float) -> Image.Image:
    """Return a thing with transparent surroundings.

    Args:
        name: One of :data:`NAMES`.
        size: Its height and width in pixels.
        tint: Which colouring, below :data:`TINTS`.
        tilt: Degrees by which it leans.

    Returns:
        An RGBA image, `size` by `size`.
    """
    return _drawn(name, tint, tilt).resize((size, size), Image.Resampling.BOX)


def _paired(draw: np.random.Generator) -> list[str]:
    weights = np.array(WEIGHTS)
    groups = 1 + draw.choice(len(GROUPS), p=GROUPS)
    chosen = draw.choice(len(PARTNERS), size=groups, replace=False, p=weights / weights.sum())
    found: list[str] = []
    for pair in chosen:
        both = list(PARTNERS[pair])
        found += both if draw.random() < TOGETHER else [both[draw.integers(2)]]
    return found


@cache
def _drawn(name: str, tint: int, tilt: float) -> Image.Image:
    image = Image.new("RGBA", (DRAWN, DRAWN))
    hue = _HUES[name] + 0.05 * (tint - TINTS / 2) / TINTS * (1 if tint % 2 else 4)
    main = _rgb(hue, 0.9 - 0.1 * (tint % 3), 0.95 - 0.12 * (tint % 2))
    second = _rgb(hue + 0.45, 0.6, 0.5 + 0.08 * (tint % 3))
    _SHAPES[name](ImageDraw.Draw(image), main, second)
    return image.rotate(tilt, Image.Resampling.BICUBIC)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _house(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.rectangle((36, 88, 156, 176), fill=main)
    draw.polygon([(18, 92), (96, 16), (174, 92)], fill=second)
    draw.rectangle((80, 124, 112, 176), fill=second)


def _tree(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.rectangle((84, 110, 108, 182), fill=second)
    for x, y in ((96, 52), (62, 84), (130, 84)):
        draw.ellipse((x - 42, y - 40, x + 42, y + 40), fill=main)


def _car(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.polygon([(44, 84), (66, 48), (126, 48), (150, 84)], fill=main)
    draw.rectangle((8, 82, 184, 128), fill=main)
    draw.rectangle((72, 58, 120, 82), fill=second)
    for x in (48, 144):
        draw.ellipse((x - 26, 108, x + 26, 160), fill=(20, 20, 20))
        draw.ellipse((x - 10, 124, x + 10, 144), fill=(200, 200, 200))


def _key(draw: ImageDraw.ImageDraw, main: Colour, _: Colour) -> None:
    draw.ellipse((10, 62, 82, 134), outline=main, width=22)
    draw.rectangle((76, 86, 184, 110), fill=main)
    for x in (130, 164):
        draw.rectangle((x, 104, x + 18, 148), fill=main)


def _cup(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.ellipse((96, 62, 180, 140), outline=main, width=18)
    draw.polygon([(20, 44), (138, 44), (124, 164), (34, 164)], fill=main)
    draw.rectangle((27, 78, 132, 102), fill=second)


def _clock(draw: ImageDraw.ImageDraw, main: Colour, _: Colour) -> None:
    draw.ellipse((14, 14, 178, 178), fill=(245, 245, 240), outline=main, width=22)
    draw.line([(96, 96), (96, 48)], fill=(10, 10, 10), width=15)
    draw.line([(96, 96), (136, 112)], fill=(10, 10, 10), width=15)


def _boat(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.polygon([(8, 124), (184, 124), (148, 174), (44, 174)], fill=main)
    draw.rectangle((90, 12, 102, 126), fill=(60, 40, 30))
    draw.polygon([(108, 16), (108, 112), (176, 112)], fill=second)
    draw.polygon([(84, 36), (84, 112), (30, 112)], fill=(240, 240, 240))


def _umbrella(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.pieslice((8, 18, 184, 186), 180, 360, fill=main)
    draw.pieslice((66, 18, 126, 186), 180, 360, fill=second)
    draw.rectangle((90, 100, 102, 166), fill=(40, 40, 40))
    draw.arc((90, 142, 134, 186), 0, 180, fill=(40, 40, 40), width=12)


def _fish(draw: ImageDraw.ImageDraw, main: Colour, second: Colour) -> None:
    draw.polygon([(112, 96), (184, 44), (184, 148)], fill=second)
    draw.ellipse((8, 48, 138, 144), fill=main)
    draw.ellipse((34, 72, 56, 94), fill=(250, 250, 250))
    draw.ellipse((40, 78, 52, 90), fill=(0, 0, 0))


def _moon(draw: ImageDraw.ImageDraw, main: Colour, _: Colour) -> None:
    draw.ellipse((14, 14, 178, 178), fill=main)
    draw.ellipse((66, 0, 206, 150), fill=(0, 0, 0, 0))


def _star(draw: ImageDraw.ImageDraw, main: Colour, _: Colour) -> None:
    corners = [(92 if i % 2 == 0 else 38, pi * i / 5 - pi / 2) for i in range(10)]
    draw.polygon([(96 + radius * cos(angle), 100 + radius * sin(angle)) for radius, angle in corners], fill=main)


def _ladder(draw: ImageDraw.ImageDraw, main: Colour, _: Colour) -> None:
    for x in (42, 132):
        draw.rectangle((x, 8, x + 18, 184), fill=main)
    for y in (32, 72, 112, 152):
        draw.rectangle((46, y, 146, y + 16), fill=main)


_SHAPES: dict[str, Callable[[ImageDraw.ImageDraw, Colour, Colour], None]] = {
    "house": _house, "tree": _tree, "car": _car, "key": _key, "cup": _cup, "clock": _clock, "boat": _boat,
    "umbrella": _umbrella, "fish": _fish, "moon": _moon, "star": _star, "ladder": _ladder,
}  # fmt: skip
