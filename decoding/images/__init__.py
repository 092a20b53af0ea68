"""From what people have (a model, its processor, an image and a question) to the prompts of an image's views."""

from __future__ import annotations

from .descriptions import INSTRUCTION, describe, forget_descriptions
from .noise import noised
from .reading import ImageReader, image_inputs
from .requests import ImagePrompt, Request, Requests
from .transforms import POOL, Transform, drawn

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
