"""A vision-language model: by hub id, by path, or the one of scenes that is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfoil.models import ModelLoadError

if TYPE_CHECKING:
    import torch

NAME = "scenes"
"""What the shipped model is called where a model is asked for."""

SHIPPED = Path(__file__).with_name("model")


@dataclass(frozen=True)
class VisionModel:
    """A vision-language model with its processor, in evaluation mode.

    Args:
        model: The model.
        processor: Its processor.
        name: What it was asked for by.
    """

    model: Any
    processor: Any
    name: str


def load_vision_model(
    name: str = NAME, *, dtype: torch.dtype | None = None, device: str | torch.device | None = None
) -> VisionModel:
    """A vision-language model that is ready to generate.

    Args:
        name: A hub id or a local folder; `"scenes"` is the model of scenes that is shipped.
        dtype: Of the weights; `None` means float32 on a CPU and the checkpoint's own elsewhere.
        device: Where to put it; `None` means the first CUDA device if there is one, else the CPU.

    Raises:
        ModelLoadError: Neither a folder nor on the hub, or no vision-language model.
    """
    import torch  # noqa: PLC0415
    from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415

    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    source = str(SHIPPED) if name == NAME and not Path(name).is_dir() else name
    try:
        # Pillow's processor: the default one wants torchvision.
        processor = AutoProcessor.from_pretrained(source, backend="pil")
        model = AutoModelForImageTextToText.from_pretrained(
            source, dtype=dtype or (torch.float32 if target.type == "cpu" else "auto")
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelLoadError(
            name,
            [f"loading {source!r} failed ({reason})"],
            f"Give a vision-language model by hub id or folder, or {NAME!r} for the shipped one.",
        ) from error
    torch.nn.Module.to(model, target)
    return VisionModel(model.eval(), processor, name)
