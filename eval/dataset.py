"""The file that a task reads, identified, and the part of it that is used."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
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
        return cls(path.name, hashlib.sha256(raw).hexdigest(), _decoded(raw, path))

    @classmethod
    def read_all(cls, paths: Sequence[Path]) -> Source:
        """Reads several UTF-8 files as if they stood in one, each ended by a line feed.

        Raises:
            OSError: One cannot be read.
            ValueError: There are none, or one is not UTF-8.
        """
        if not paths:
            raise ValueError("`paths` has to name at least one file, but is empty")
        if len(paths) == 1:
            return cls.read(paths[0])
        raws = [path.read_bytes() for path in paths]
        texts = [_decoded(raw, path) for raw, path in zip(raws, paths, strict=True)]
        digest = hashlib.sha256(b"".join(raws)).hexdigest()
        return cls(", ".join(path.name for path in paths), digest, "\n".join(texts))

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines of JSON lines that are not blank, each with its number.

        They end at a line feed; `str.splitlines` would also cut at separators that may stand raw inside strings.
        """
        return ((number, line) for number, line in enumerate(self.text.split("\n"), start=1) if line.strip())


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


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} has to be UTF-8 text, but is not: {error.reason} at byte {error.start}") from error
