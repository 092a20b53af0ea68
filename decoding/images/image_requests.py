"""What a caller asks about an image, in the forms that people have it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

ImageSource = Union["Image.Image", str, Path]
Message = Mapping[str, Any]
ImageRequest = tuple[ImageSource, str] | Sequence[Message]
"""An image with a question; or chat messages with one image among their parts."""
ImageRequests = ImageRequest | Sequence[ImageRequest]
"""One request, or a batch of them."""


@dataclass(frozen=True)
class ImagePrompt:
    """A prompt with one image in it.

    Args:
        image: In RGB.
        text: The whole prompt as the model is to read it, with the processor's marker where the image goes.
        question: What is asked, without the prompt's form.
    """

    image: Image.Image
    text: str
    question: str


def requests_of(given: ImageRequests) -> list[tuple[ImageSource, str] | list[Message]]:
    """Return the requests one by one.

    Raises:
        ValueError: No request, or something else.
    """
    anything: Any = given
    if isinstance(anything, tuple) and len(anything) == 2 and isinstance(anything[1], str):
        return [(anything[0], anything[1])]
    if isinstance(anything, Sequence) and not isinstance(anything, str) and len(anything):
        if all(isinstance(one, Mapping) for one in anything):
            return [list(anything)]
        if all(isinstance(one, Sequence) and not isinstance(one, str) for one in anything):
            return [request for one in anything for request in requests_of(one)]
    raise ValueError(
        "`images` has to be (image, question), chat messages with one image, or a list of either, but is "
        f"{type(anything).__name__ if anything else repr(anything)}"
    )


def image_and_messages(messages: Sequence[Message]) -> tuple[Image.Image, list[dict[str, Any]], str]:
    """Return the one image of a conversation, the conversation with a bare mark in its place, and the last question.

    Raises:
        ValueError: No image, several images, or one that cannot be read.
    """
    bare: list[dict[str, Any]] = []
    found: list[Any] = []
    question = ""
    for message in messages:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
        found += [_image_in(part) for part in parts if part.get("type") in ("image", "image_url")]
        if message.get("role") == "user":
            question = " ".join(part["text"] for part in parts if part.get("type") == "text") or question
        parts = [{"type": "image"} if part.get("type") in ("image", "image_url") else part for part in parts]
        bare.append({**message, "content": content if isinstance(content, str) else parts})
    if len(found) != 1:
        raise ValueError(
            f"`images` has to hold one image, but holds {len(found) or 'none'}: these methods compare one image with "
            "a view of it"
        )
    return open_image(found[0]), bare, question


def _image_in(part: Mapping[str, Any]) -> Any:  # noqa: ANN401  (whatever the caller wrote there)
    if part["type"] == "image_url":  # as clients of OpenAI write it
        address = part.get("image_url")
        return address.get("url") if isinstance(address, Mapping) else address
    return next((part[key] for key in ("image", "path", "url") if part.get(key) is not None), None)


def open_image(image: Any) -> Image.Image:  # noqa: ANN401
    """Return an image in RGB, turned as its file says.

    Args:
        image: A file, or an image of Pillow's; an array `[height, width, 3]` of bytes will do.

    Raises:
        ValueError: Neither, or a file that cannot be read as an image.
        ImportError: Pillow is not installed.
    """
    pillow = _pillow()
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return pillow.fromarray(image)
    if isinstance(image, pillow.Image):
        given: Any = image
        return _upright(given, "the given one")
    if not isinstance(image, (str, Path)):
        raise ValueError(f"`image` has to be a file or an image of Pillow's, but is {type(image).__name__}")
    if str(image).startswith(("http://", "https://", "data:")):
        raise ValueError(
            f"`image` has to be a file or an image of Pillow's, but is an address: load {image!s:.60} first"
        )
    if not Path(image).is_file():
        raise ValueError(f"`image` has to be a file, but there is none at {str(image)!r}")
    try:
        with pillow.open(image) as opened:
            return _upright(opened, repr(str(image)))
    except (OSError, SyntaxError, pillow.DecompressionBombError) as error:
        raise _unreadable(repr(str(image)), error) from error


def _pillow() -> Any:  # noqa: ANN401  (a module)
    try:
        from PIL import Image  # noqa: PLC0415  (text alone needs no Pillow)
    except ImportError as error:
        raise ImportError(f'reading images needs Pillow ({error}): pip install "counterfoil[vision]"') from error
    return Image


def _upright(image: Image.Image, name: str) -> Image.Image:
    from PIL import ImageOps  # noqa: PLC0415

    try:
        return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> ValueError:
    return ValueError(f"`image` has to be an image, but {name} cannot be read as one ({error})")
