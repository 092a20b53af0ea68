"""Loading a checkpoint onto a device, naming its revision, and running it on batches that may not fit into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .hub import loading

REMEDY = "Give a hub id, or a folder with a saved model of this kind."

T = TypeVar("T")
Found = TypeVar("Found")


def on_device(model: Any, device: str | None) -> Any:  # noqa: ANN401 (any transformers model)
    """Return the model on a device, in evaluation mode.

    Args:
        model: The model; one that is spread over devices already stays where it is.
        device: A torch device; `None` for the first GPU if there is one.
    """
    import torch  # noqa: PLC0415 (seconds to import)

    if getattr(model, "hf_device_map", None) is None:
        model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return model.eval()


def load_pretrained(kind: Any, source: str, *, remedy: str = REMEDY, **options: Any) -> Any:  # noqa: ANN401 (any class)
    """Return `kind.from_pretrained(source, **options)`, but say at once if the hub cannot be reached.

    Args:
        kind: A class with `from_pretrained`, for example `AutoModel`.
        source: Hub id or folder.
        remedy: What to do if it cannot be loaded, a whole sentence.
        **options: Of `from_pretrained`.

    Raises:
        ModelLoadError: It cannot be loaded; the message says why.
    """
    with loading(source, source, remedy=remedy):
        return kind.from_pretrained(source, **options)


def loading_options(device: str | None, device_map: str | None, revision: str | None) -> dict[str, Any]:
    """Return the arguments of `from_pretrained`: bfloat16 on a GPU, float32 on a CPU, and whatever else is given."""
    import torch  # noqa: PLC0415

    on_gpu = device_map is not None or (device or "").startswith("cuda") or (not device and torch.cuda.is_available())
    chosen: dict[str, Any] = {"dtype": torch.bfloat16 if on_gpu else torch.float32}
    if device_map is not None:
        chosen["device_map"] = device_map
    if revision is not None:
        chosen["revision"] = revision
    return chosen


def revision_of(path: str, loaded: Any = None) -> str | None:  # noqa: ANN401 (any transformers model)
    """Return what identifies the weights: a digest of the files of a folder, else the commit of the hub if known.

    Args:
        path: Hub id or folder that the model was loaded from.
        loaded: The loaded model, whose configuration knows the commit.
    """
    return folder_revision(Path(path)) or getattr(getattr(loaded, "config", None), "_commit_hash", None)


def folder_revision(folder: Path) -> str | None:
    """Return twelve hexadecimal digits that change with the files of a folder; `None` if there is no such folder.

    Files are compared by name, size and time of modification, because weights may be too large to be read twice.
    """
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.iterdir() if path.is_file())
    told = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def in_halves(work: Callable[[Sequence[T]], list[Found]], items: Sequence[T], failed: Found) -> list[Found]:
    """Return `work(items)`, computed in halves if the whole does not fit into memory.

    Args:
        work: Returns one result an item, in order.
        items: The batch.
        failed: The result of an item that does not fit even alone.
    """
    import torch  # noqa: PLC0415

    try:
        return work(items)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        if len(items) == 1:
            return [failed]
    middle = len(items) // 2
    return in_halves(work, items[:middle], failed) + in_halves(work, items[middle:], failed)
