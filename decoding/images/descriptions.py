"""A model's own description of an image."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from ..methods.code import CODE, INSTRUCTION
from .image_requests import ImagePrompt
from .vision_prompts import VisionPrompter

if TYPE_CHECKING:
    from PIL import Image

_Key = tuple[str, str, int]
_descriptions: weakref.WeakKeyDictionary[PreTrainedModel, dict[_Key, str]] = weakref.WeakKeyDictionary()


def describe(
    prompter: VisionPrompter, image: Image.Image, *, instruction: str = INSTRUCTION, max_new_tokens: int = 512
) -> str:
    """Return the model's description of an image, written greedily once for each model, image and instruction.

    Args:
        prompter: The model with its processor.
        image: The image.
        instruction: What is asked for.
        max_new_tokens: Its longest length.

    Raises:
        ValueError: The processor has no chat template to ask by.
    """
    pixels = hashlib.sha256(image.tobytes() + repr(image.size).encode()).hexdigest()
    written = _descriptions.setdefault(prompter.model, {})
    key = (pixels, instruction, max_new_tokens)
    if key not in written:
        written[key] = prompter.generated(prompter.asking(image, instruction), max_new_tokens)
    return written[key]


def describe_images(prompter: VisionPrompter, prompts: Sequence[ImagePrompt], method: CODE) -> list[str]:
    """Return what CODE puts in the place of the images: the descriptions that it was given, or the model's own.

    Raises:
        ValueError: There is not one description for each image, or the model cannot be asked.
    """
    given = method.description
    if given is not None:
        descriptions = [given] if isinstance(given, str) else list(given)
        if len(descriptions) != len(prompts):
            raise ValueError(
                f"`description` has to be one for each of the {len(prompts)} images, but is {len(descriptions)}"
            )
        return descriptions
    prompter.inputs(prompts)  # a processor that is not the model's is found out before anything is generated
    return [
        describe(prompter, p.image, instruction=method.instruction, max_new_tokens=method.description_tokens)
        for p in prompts
    ]


def forget_descriptions(model: PreTrainedModel) -> None:
    """Forget what a model has written, as after its weights have changed."""
    _descriptions.pop(model, None)
