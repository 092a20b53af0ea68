"""The shipped weights: low-rank changes to an encoder's linear layers, a head, and the settings of its output."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from counterfoil.models import embedding_model_path
from counterfoil.models.checkpoints import load_pretrained
from counterfoil.models.embedding import REMEDY
from safetensors.torch import load_file, save
from torch import Tensor

from .network import PairNetwork

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS, SETTINGS = "adapter.safetensors", "adapter.json"


@dataclass(frozen=True)
class AdapterSettings:
    """Settings of an adapter beside its weights.

    Args:
        base: Hub id of the encoder that it changes.
        base_norm: Euclidean norm of that encoder's word embeddings; another encoder is refused.
        scale: Factor of every low-rank product.
        hidden: Width of the head's hidden layer.
        window: Tokens of premise and hypothesis together in one row, as far as the next setting allows.
        least: Tokens that the premise has at any rate.
        temperature: Softmax temperature, calibrated on held-out pairs.
        threshold: Least probability of a supported pair.
    """

    base: str
    base_norm: float
    scale: float
    hidden: int
    window: int
    least: int
    temperature: float
    threshold: float


def save_adapter(folder: Path, settings: AdapterSettings, weights: dict[str, Tensor], notes: dict[str, Any]) -> None:
    """Write both files; weights in half precision. `notes` (recipe, held-out figures) are stored for the reader."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(save({name: weight.half().contiguous() for name, weight in weights.items()}))
    write_settings(folder, settings, notes)


def write_settings(folder: Path, settings: AdapterSettings, notes: dict[str, Any]) -> None:
    """Write the settings beside the weights that are there."""
    text = json.dumps({"settings": asdict(settings), "notes": notes}, indent=2)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")


def adapter_revision(folder: Path) -> str:
    """Return the first twelve hexadecimal digits of the SHA-256 of both files, on which scores depend."""
    digest = hashlib.sha256()
    for name in (WEIGHTS, SETTINGS):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def read_settings(folder: Path) -> AdapterSettings:
    """Return the settings of the adapter in `folder`.

    Raises:
        ValueError: If there is no adapter.
    """
    if not all((folder / name).is_file() for name in (WEIGHTS, SETTINGS)):
        raise ValueError(f"`model` has to be a folder that holds {WEIGHTS} and {SETTINGS}, but is {str(folder)!r}")
    return AdapterSettings(**json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["settings"])


def load_network(folder: Path, base: str | None = None) -> tuple[PreTrainedTokenizerBase, PairNetwork]:
    """Return the tokenizer, and the network with the adapter's changes added to the encoder's own weights.

    For each changed layer W becomes W + scale B A, so that a merged network costs what the bare encoder costs.

    Args:
        folder: Where both files of the adapter are.
        base: The encoder, by hub id or path, if not the installed or downloaded all-MiniLM-L6-v2.

    Raises:
        ValueError: If the encoder is not the one that the adapter was trained on.
    """
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415  (seconds to import)

    settings = read_settings(folder)
    source = embedding_model_path(base)
    encoder = load_pretrained(AutoModel, source, remedy=REMEDY, dtype=torch.float32)
    norm = word_norm(encoder)
    if not math.isclose(norm, settings.base_norm, rel_tol=1e-3):
        raise ValueError(
            f"`base` has to be {settings.base}, on which the adapter was trained, but is {source!r}: the norm of its "
            f"word embeddings is {norm:.3f}, not {settings.base_norm:.3f}"
        )
    network = PairNetwork(encoder, settings.hidden)
    weights = {name: weight.float() for name, weight in load_file(folder / WEIGHTS).items()}
    own = dict(network.named_parameters())
    with torch.no_grad():
        for name in [name for name in weights if name.endswith(".lora_A")]:
            layer = name.removesuffix(".lora_A")
            change = weights.pop(f"{layer}.lora_B") @ weights.pop(name)
            own[f"{layer}.weight"].add_(settings.scale * change)
        for name, weight in weights.items():
            own[name].copy_(weight)
    return load_pretrained(AutoTokenizer, source), network.eval().requires_grad_(False)


def word_norm(encoder: PreTrainedModel) -> float:
    """Return the Euclidean norm of an encoder's word embeddings."""
    return cast(Tensor, encoder.get_input_embeddings().weight).detach().norm().item()
