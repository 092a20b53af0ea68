"""The file that a task reads, identified, and the part of it that is used."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Source:
    """A data file.

    Args:
        name: The file's name, without its folder.
        sha256: Of its bytes.
        text: What it holds.
    """

    name: str
    sha256: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Source:
        """Reads a UTF-8 file.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not UTF-8.
        """
        raw = path.read_bytes()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} has to be UTF-8 text, but is not: {error.reason} at byte {error.start}"
            ) from error
        return cls(path.name, hashlib.sha256(raw).hexdigest(), text)


def limited(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """All items, or `limit` of them drawn at random, in the order of the file.

    The same seed draws the same items. Files are often sorted by kind, so their first items would stand for one kind.

    Raises:
        ValueError: `limit` is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` has to be at least 1, but is {limit}")
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i] for i in sorted(random.Random(seed).sample(range(len(items)), limit))]
