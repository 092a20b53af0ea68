"""Loading a Hugging Face checkpoint for judging, and running it on batches that may not fit into memory."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from .base import Judgement, Pair
from .windowed import WindowedEntailment

T = TypeVar("T")
Found = TypeVar("Found")

SLACK = 8
"""Tokens kept free, since a tokenizer may need a few more for a joined text than for its parts."""


class CheckpointEntailment(WindowedEntailment):
    """A model that judges by one forward, or one short answer, of a checkpoint.

    Args:
        tokenizer: The checkpoint's.
        model: The checkpoint, on its device.
        count: Length of a text in the unit of `window`; `None` for tokens.
        name: As for :class:`WindowedEntailment`, and so are the other three.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 (any transformers tokenizer)
        model: Any,  # noqa: ANN401 (any transformers model)
        *,
        count: Callable[[str], int] | None = None,
        name: str,
        threshold: float,
        window: int | None,
        batch_size: int,
    ) -> None:
        super().__init__(name=name, threshold=threshold, window=window, batch_size=batch_size)
        self.tokenizer = tokenizer
        self.model = model
        self._count = count or counter(tokenizer)

    def count(self, text: str) -> int:
        """Length in the unit of `window`."""
        return self._count(text)

    def score(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit."""
        with torch.inference_mode():
            return in_memory(self.forward, pairs)

    @abstractmethod
    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit, and may run out of memory."""


def place(model: Any, device: str | None) -> Any:  # noqa: ANN401 (any transformers model)
    """The model on a device, ready to judge; where `device` is `None`, on a GPU where there is one."""
    if getattr(model, "hf_device_map", None) is None:
        model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return model.eval()


def options(device: str | None, device_map: str | None, revision: str | None) -> dict[str, Any]:
    """What `from_pretrained` is given: half precision on a GPU, where these models were published in it."""
    on_gpu = device_map is not None or (device or "").startswith("cuda") or (not device and torch.cuda.is_available())
    chosen: dict[str, Any] = {"dtype": torch.bfloat16 if on_gpu else torch.float32}
    if device_map is not None:
        chosen["device_map"] = device_map
    if revision is not None:
        chosen["revision"] = revision
    return chosen


def full_name(kind: str, model: str, loaded: Any) -> str:  # noqa: ANN401 (any transformers model)
    """`kind:model@revision+precision`: judgements are remembered by it, so what they depend on stands in it.

    The revision is the commit that was loaded, or of a folder what its files are; the precision is left out where it is
    float32.
    """
    revision = folder_revision(Path(model)) or getattr(loaded.config, "_commit_hash", None)
    precision = str(loaded.dtype).removeprefix("torch.")
    return (
        f"{kind}:{model}" + (f"@{revision}" if revision else "") + ("" if precision == "float32" else f"+{precision}")
    )


def folder_revision(folder: Path) -> str | None:
    """Twelve hexadecimal digits that change with the files of a folder; `None` where there is no such folder.

    By name, size and time: weights may be larger than what one wants to read twice.
    """
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.iterdir() if path.is_file())
    told = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def counter(tokenizer: Any) -> Callable[[str], int]:  # noqa: ANN401 (any transformers tokenizer)
    """How many tokens a text has without special ones; longer ones than the model's window raise no warning."""
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def in_memory(score: Callable[[Sequence[Pair]], list[Judgement]], pairs: Sequence[Pair]) -> list[Judgement]:
    """`score(pairs)`, in halves where the whole does not fit into memory; one pair that does not fit is a failure."""
    return in_halves(score, pairs, Judgement(None, failure="the pair does not fit into the device's memory"))


def in_halves(work: Callable[[Sequence[T]], list[Found]], items: Sequence[T], failed: Found) -> list[Found]:
    """`work(items)`, in halves where the whole does not fit into memory; `failed` for one that alone does not."""
    try:
        return work(items)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        if len(items) == 1:
            return [failed]
    middle = len(items) // 2
    return in_halves(work, items[:middle], failed) + in_halves(work, items[middle:], failed)
