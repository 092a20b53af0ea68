"""The noised image of VCD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..methods.vcd import DIFFUSION_STEPS, VCD


def add_noise(inputs: Mapping[str, Any], *, step: int, seeds: Sequence[int], frames: int = 1) -> dict[str, Any]:
    """Return model inputs whose pixels are those of the forward diffusion process after some steps.

        x' = sqrt(a_T) * x + sqrt(1 - a_T) * noise,   a_T = prod_{t<=T} (1 - b_t),
        b_t = sigmoid(linspace(-6, 6, 1000))_t * (0.005 - 0.00001) + 0.00001

    Leng et al. 2023, arXiv 2311.16922, with the schedule of the released code (commit d6568ff8). On the
    pixels as the model reads them (resized, normalised), not clipped, drawn once for all tokens.

    Args:
        inputs: What the processor returned, with `pixel_values`: `[images, ...]`, or `[patches, size]` with
            `image_grid_thw` `[images, 3]`.
        step: T, from 0 to 999. 0 is the first step, hardly noised; at 999 noise has 92 % of the variance.
        seeds: One for each image: the noise of an image does not depend on what else is in the batch.
        frames: How many times a patch holds each pixel: models that also see videos read a still image as several
            equal frames, which stay equal.

    Raises:
        ValueError: No such step, or pixels that are not of one image a seed.
    """
    VCD.parameter("noise_step").checked(step)
    kept = _kept(step)
    pixels = inputs["pixel_values"]
    grid = inputs.get("image_grid_thw")
    images = pixels.split(grid.prod(-1).tolist()) if grid is not None else pixels.split(1)
    if len(images) != len(seeds):
        raise ValueError(
            f"the processor has to return one image a request to be noised, but returned {len(images)} for "
            f"{len(seeds)}: switch off what cuts images into several (`do_pan_and_scan=False`)"
        )
    noisy = [
        kept**0.5 * image + (1 - kept) ** 0.5 * _noise(image, seed, frames)
        for image, seed in zip(images, seeds, strict=True)
    ]
    return {**inputs, "pixel_values": torch.cat(noisy)}


def _kept(step: int) -> float:
    betas = torch.linspace(-6, 6, DIFFUSION_STEPS, dtype=torch.float64).sigmoid() * (0.5e-2 - 1e-5) + 1e-5
    return float((1 - betas).cumprod(0)[step])


def _noise(pixels: Tensor, seed: int, frames: int) -> Tensor:
    """Return noise of the pixels' shape, the same in every frame.

    A tile that is empty as a whole stays so: it fills up a batch, and models recognise it by its zeros.
    """
    generator = torch.Generator().manual_seed(seed)
    if frames > 1:  # [patches, channels * frames * height * width]
        area = pixels.shape[1] // (3 * frames)
        one = torch.randn(len(pixels), 3, 1, area, generator=generator)
        noise = one.expand(-1, -1, frames, -1).reshape(pixels.shape)
    else:
        noise = torch.randn(pixels.shape, generator=generator)
    noise = noise.to(pixels)
    if pixels.dim() < 5:  # no tiles
        return noise
    return noise.masked_fill((pixels == 0).flatten(2).all(-1)[..., None, None, None], 0.0)
