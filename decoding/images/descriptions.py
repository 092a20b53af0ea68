"""A model's own description of an image."""

from __future__ import annotations

import hashlib
import weakref
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from .vision_prompts import ImageReader

if TYPE_CHECKING:
    from PIL import Image

INSTRUCTION = (
    "Provide a detailed description of the image, covering all visible elements and their interactions, so as to "
    "thoroughly answer any potential questions about the image."
)
"""What Kim et al. 2024 ask for (released code of CODE, commit 31adf82f)."""

_Key = tuple[str, str, int]
_described: weakref.WeakKeyDictionary[PreTrainedModel, dict[_Key, str]] = weakref.WeakKeyDictionary()


def describe(
    reader: ImageReader, image: Image.Image, *, instruction: str = INSTRUCTION, max_new_tokens: int = 512
) -> str:
    """The model's description of an image, greedily; written once for each model, image and instruction.

    Args:
        reader: The model with its processor.
        image: The image.
        instruction: What is asked for.
        max_new_tokens: Its longest length.

    Raises:
        ValueError: The processor has no chat template to ask by.
    """
    pixels = hashlib.sha256(image.tobytes() + repr(image.size).encode()).hexdigest()
    written = _described.setdefault(reader.model, {})
    key = (pixels, instruction, max_new_tokens)
    if key not in written:
        written[key] = reader.generated(reader.asking(image, instruction), max_new_tokens)
    return written[key]


def forget_descriptions(model: PreTrainedModel) -> None:
    """Forget what a model has written, as after its weights have changed."""
    _described.pop(model, None)
