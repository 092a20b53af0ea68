"""From what people have (a model, its processor, an image and a question) to the prompts of an image's views."""

from __future__ import annotations

from .descriptions import INSTRUCTION, describe, forget_descriptions
from .diffusion_noise import noised
from .image_requests import ImagePrompt, Request, Requests
from .transforms import POOL, Transform, drawn
from .vision_prompts import ImageReader, image_inputs

__all__ = [
    "INSTRUCTION",
    "POOL",
    "ImagePrompt",
    "ImageReader",
    "Request",
    "Requests",
    "Transform",
    "describe",
    "drawn",
    "forget_descriptions",
    "image_inputs",
    "noised",
]
