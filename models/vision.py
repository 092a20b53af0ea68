"""A vision-language model: by hub id, by path, or the one of drawn scenes that is shipped."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelLoadError
from .hub import loading

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


SCENES = "scenes"
"""Name of the shipped model; it knows drawn scenes alone."""

EXTRA = 'Install it: pip install "counterfoil[vision]"'
REMEDY = f"Give the hub id or the folder of a model that reads images, saved with its processor, or {SCENES!r}."


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
    """Return where to load a vision-language model from: the shipped one's folder if that is meant, else the name."""
    shipped = name == SCENES and not Path(name).is_dir()
    return str(Path(__file__).parent / SCENES) if shipped else name


def load_vision_model(
    name: str, *, dtype: torch.dtype | None = None, device: str | torch.device | None = None
) -> VisionModel:
    """Return a vision-language model that is ready to generate.

    Args:
        name: A hub id or a local folder; `"scenes"` is the model of drawn scenes that is shipped.
        dtype: Of the weights; `None` means float32 on a CPU and the checkpoint's own elsewhere.
        device: Where to put it; `None` means the first CUDA device if there is one, else the CPU.

    Raises:
        ModelLoadError: Not a folder, not on the hub, no vision-language model, or one whose processor needs what is not
            installed.
    """
    import torch  # noqa: PLC0415  (seconds to import)
    from transformers import AutoModelForImageTextToText, AutoProcessor, ProcessorMixin  # noqa: PLC0415

    if importlib.util.find_spec("PIL") is None:
        raise ModelLoadError(name, ["images are read with Pillow, which is not installed"], EXTRA)
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    source = vision_model_path(name)
    with loading(name, source, remedy=REMEDY):
        # Images are read by Pillow: torchvision need not be there, and its pixels differ a little.
        processor = AutoProcessor.from_pretrained(source, backend="pil")
        if not isinstance(processor, ProcessorMixin):
            raise ValueError(f"it reads text alone, through a {type(processor).__name__}")
        model = AutoModelForImageTextToText.from_pretrained(
            source, dtype=dtype or (torch.float32 if target.type == "cpu" else "auto")
        )
    torch.nn.Module.to(model, target)
    return VisionModel(model.eval(), processor, name)
