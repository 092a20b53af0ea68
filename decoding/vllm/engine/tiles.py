"""Images that a model reads as several tiles: put together again, and cut as they were.

A processor of the kind of Idefics3 and SmolVLM brings an image to a whole number of tiles, cuts it row by row, and puts
an overview of the whole behind the tiles. It does not say how many rows there are; the overview shows it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

ALIKE = 8.0
"""How far an overview may be from the whole image in its size, in levels of 256, on average: the processor may have
shrunk it by another filter than it names (torchvision's has no Lanczos), and pixels been rounded to a shorter type."""
APART = 2.0
"""How many times farther, and by how many levels at least, every other arrangement has to be."""


def joined(tiles: list[Image.Image], resample: int) -> Image.Image:
    """Return the image that was cut into tiles.

    Args:
        tiles: The tiles, row by row, and the overview of the whole behind them; all of one size.
        resample: Pillow's number of the filter by which the processor changes the size of images.

    Raises:
        ValueError: The tiles are not cut in this way, or it cannot be told how many are in a row.
    """
    *parts, overview = tiles
    columns = [columns for columns in range(1, len(parts) + 1) if len(parts) % columns == 0]
    wholes = [_laid_out(parts, count) for count in columns]
    distances = [_distance(_shrunk(whole, overview.size, resample), overview) for whole in wholes]
    best = min(distances, default=float("inf"))
    near = [i for i, distance in enumerate(distances) if distance <= max(APART, APART * best)]
    if best <= ALIKE and len(near) == 1:
        return wholes[near[0]]
    reason = "in more than one way" if best <= ALIKE else "in no arrangement"
    raise ValueError(f"{len(parts)} tiles have to make up the overview behind them in one way, but do so {reason}")


def cut(image: Image.Image, size: tuple[int, int], resample: int) -> list[Image.Image]:
    """Return an image cut into tiles of one size, row by row, and its overview behind them.

    Args:
        image: Of a whole number of tiles in width and in height.
        size: Width and height of a tile.
        resample: As in :func:`joined`.
    """
    width, height = size
    corners = [(x, y) for y in range(0, image.height, height) for x in range(0, image.width, width)]
    parts = [image.crop((x, y, x + width, y + height)) for x, y in corners]
    return [*parts, _shrunk(image, size, resample)]


def _laid_out(parts: list[Image.Image], columns: int) -> Image.Image:
    width, height = parts[0].size
    whole = Image.new("RGB", (width * columns, height * (len(parts) // columns)))
    for place, part in enumerate(parts):
        whole.paste(part, (place % columns * width, place // columns * height))
    return whole


def _shrunk(image: Image.Image, size: tuple[int, int], resample: int) -> Image.Image:
    return image.resize(size, Image.Resampling(resample))


def _distance(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())
