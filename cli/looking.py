"""A question about an image and its two answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfoil.decoding.by_name import Decoding, method_names

from .continuing import Continued, Sampling, sampled_alike

if TYPE_CHECKING:
    from counterfoil.models import VisionModel


@dataclass(frozen=True)
class ImageRequest:
    """What to ask about which image, and how to answer.

    Args:
        decoding: The method.
        image: A file.
        question: What is asked.
        max_new_tokens: At least 1.
        sampling: `None` for greedy decoding.
        seed: Of what the method draws.

    Raises:
        ValueError: Something missing, or a method that has no use for an image.
    """

    decoding: Decoding
    image: Path
    question: str
    max_new_tokens: int
    sampling: Sampling | None
    seed: int

    def __post_init__(self) -> None:
        if not self.decoding.takes_image:
            names = ", ".join(method_names(image=True))
            raise ValueError(f"--method has to be one of {names} for an image, but is {self.decoding.method}")
        if not self.question.strip():
            raise ValueError("--question has to hold a word, but is empty")
        if not self.image.is_file():
            raise ValueError(f"--image has to be a file, but there is none at {str(self.image)!r}")
        if self.max_new_tokens < 1:
            raise ValueError(f"--max-new-tokens has to be at least 1, but is {self.max_new_tokens}")

    def recorded(self) -> dict[str, Any]:
        """What was asked, for the JSON."""
        return {"image": str(self.image), "question": self.question, "seed": self.seed}


def answered(request: ImageRequest, vision: VisionModel) -> Continued:
    """Answers the question by the method and plainly.

    Raises:
        ValueError: A file that is no picture, a parameter out of range, or a model that cannot serve the method.
    """
    from counterfoil.decoding import image_inputs  # noqa: PLC0415  (imports torch)
    from counterfoil.decoding.decoder import ImageDecoder  # noqa: PLC0415

    asked = (request.image, request.question)
    inputs = image_inputs(vision.model, vision.processor, asked)
    decoder = ImageDecoder(request.decoding, vision)
    options = decoder.options(asked, request.seed)

    def text(method: dict[str, Any]) -> str:
        model: Any = vision.model
        output = model.generate(
            **inputs, **method, **sampled_alike(request.sampling), max_new_tokens=request.max_new_tokens
        )
        return vision.processor.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    return Continued(
        request=request,
        model=vision.name,
        label=request.decoding.label,
        settings=request.decoding.settings,
        contrastive=text(options),
        plain=text({}),
        views=_views(options["logits_processor"]),
    )


def _views(processors: list[Any]) -> dict[str, str]:
    """Return what the image was compared with, if that was drawn or written for this call."""
    found = [compared for processor in processors for compared in processor.compared_with.items()]
    return {name: "; ".join(map(str, made)) for name, made in found if made}
