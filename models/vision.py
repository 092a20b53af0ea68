"""A vision-language model: by hub id, by path, or the one of drawn scenes that is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelLoadError, reason_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


SCENES = "scenes"
"""What the shipped model is called where a model is asked for; it knows drawn scenes alone."""


@dataclass(frozen=True)
class VisionModel:
    """A vision-language model with its processor, in evaluation mode.

    Args:
        model: The model.
        processor: Its processor, of text and images.
        name: The hub id or the path it was asked for by.
    """

    model: PreTrainedModel
    processor: Any
    name: str


def vision_model_path(name: str) -> str:
    """Where to load a vision-language model from: the folder of the shipped one where that is meant, else the name."""
    shipped = name == SCENES and not Path(name).is_dir()
    return str(Path(__file__).parent / SCENES) if shipped else name


def load_vision_model(
    name: str, *, dtype: torch.dtype | None = None, device: str | torch.device | None = None
) -> VisionModel:
    """A vision-language model that is ready to generate.

    Args:
        name: A hub id or a local folder; `"scenes"` is the model of drawn scenes that is shipped.
        dtype: Of the weights; `None` means float32 on a CPU and the checkpoint's own elsewhere.
        device: Where to put it; `None` means the first CUDA device if there is one, else the CPU.

    Raises:
        ModelLoadError: Not a folder, not on the hub, no vision-language model, or one whose processor needs what is not
            installed.
    """
    import torch  # noqa: PLC0415
    from transformers import AutoModelForImageTextToText, AutoProcessor, ProcessorMixin  # noqa: PLC0415

    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    source = vision_model_path(name)
    try:
        # Images are read by Pillow: torchvision need not be there, and its pixels differ a little.
        processor = AutoProcessor.from_pretrained(source, backend="pil")
        if not isinstance(processor, ProcessorMixin):
            raise ValueError(f"it reads text alone, through a {type(processor).__name__}")
        model = AutoModelForImageTextToText.from_pretrained(
            source, dtype=dtype or (torch.float32 if target.type == "cpu" else "auto")
        )
    except (OSError, ValueError, ImportError, KeyError, AttributeError) as error:
        raise ModelLoadError(
            name,
            [f"as a vision-language model it could not be read ({reason_of(error)})"],
            f"Give the hub id or the folder of a model that reads images, saved with its processor, or {SCENES!r}.",
        ) from error
    torch.nn.Module.to(model, target)
    return VisionModel(model.eval(), processor, name)
