"""From what people have (a model, its processor, an image and a question) to the prompts of an image's views."""

from __future__ import annotations

from .descriptions import describe, describe_images, forget_descriptions
from .diffusion_noise import add_noise
from .image_requests import ImagePrompt, ImageRequest, ImageRequests
from .transforms import Transform, draw_transform
from .vision_prompts import VisionPrompter, image_inputs

__all__ = [
    "ImagePrompt",
    "ImageRequest",
    "ImageRequests",
    "Transform",
    "VisionPrompter",
    "add_noise",
    "describe",
    "describe_images",
    "draw_transform",
    "forget_descriptions",
    "image_inputs",
]
