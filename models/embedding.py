"""The embedding model: by hub id, by path, or the copy of all-MiniLM-L6-v2 in a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .hub import loading
from .wheels import EMBEDDING_MODEL

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_NAMES = {"minilm", "all-MiniLM-L6-v2", EMBEDDING_MODEL.hub_id}
REMEDY = f"Check the name, or install the copy of the default in the package registry: {EMBEDDING_MODEL.install}"


def embedding_model_path(name: str | None = None) -> str:
    """Return where to load an embedding model from.

    Args:
        name: A hub id or a local folder; `None` (or the default's own name) means all-MiniLM-L6-v2.

    Returns:
        A local folder if there is one: the given one, or the copy in the wheel. Else the hub id.
    """
    if name is None or (name in DEFAULT_NAMES and not Path(name).is_dir()):
        packaged = EMBEDDING_MODEL.path()
        return str(packaged) if packaged else EMBEDDING_MODEL.hub_id
    return name


def load_embedding_model(name: str | None = None, *, device: str | None = None) -> SentenceTransformer:
    """Return a sentence-transformers model.

    Args:
        name: A hub id, a local folder, or `None` for all-MiniLM-L6-v2.
        device: A torch device; `None` lets sentence-transformers choose.

    Raises:
        ModelLoadError: Neither a folder, nor on the hub, nor in an installed wheel.
    """
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  (seconds to import)

    source = embedding_model_path(name)
    with loading(name or EMBEDDING_MODEL.hub_id, source, remedy=REMEDY):
        return SentenceTransformer(source, device=device)
