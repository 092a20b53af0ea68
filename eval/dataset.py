"""The data that a task reads, identified, and the part of it that is used."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Dataset:
    """A data file, or several read as one.

    Args:
        name: The file's name, without its folder.
        sha256: Of its bytes.
        text: What it holds.
    """

    name: str
    sha256: str
    text: str

    @classmethod
    def read(cls, paths: Sequence[Path] | Path) -> Dataset:
        """Read UTF-8 files, or UTF-16 with a byte order mark, as if they stood in one, each ended by a line feed.

        Raises:
            OSError: One cannot be read.
            ValueError: There are none, or one is not UTF-8.
        """
        paths = [paths] if isinstance(paths, Path) else paths
        if not paths:
            raise ValueError("`paths` has to name at least one file, but is empty")
        raws = [path.read_bytes() for path in paths]
        texts = [_decoded(raw, path) for raw, path in zip(raws, paths, strict=True)]
        digest = hashlib.sha256(b"".join(raws)).hexdigest()
        return cls(", ".join(path.name for path in paths), digest, "\n".join(texts))

    def lines(self) -> Iterator[tuple[int, str]]:
        """Return the lines of JSON lines that are not blank, each with its number.

        They end at a line feed; `str.splitlines` would also cut at separators that may stand raw inside strings.
        """
        return ((number, line) for number, line in enumerate(self.text.split("\n"), start=1) if line.strip())

    def records(self, kind: str, parse: Callable[[int, Any], Item]) -> list[Item]:
        """Return what `parse` makes of each line of JSON lines.

        Args:
            kind: What each line has to be, for the message of an error.
            parse: Called with the number of a line and its value; raises `LookupError`, `TypeError`, `ValueError`,
                `AttributeError` or `SyntaxError` for one of another kind.

        Raises:
            ValueError: A line is of another kind, its number is named; or there is none.
        """
        found = []
        for number, line in self.lines():
            try:
                found.append(parse(number, json.loads(line)))
            except (AttributeError, LookupError, SyntaxError, TypeError, ValueError) as error:
                what = f"{error} is missing" if isinstance(error, KeyError) else str(error) or repr(error)
                raise ValueError(f"line {number} of {self.name} has to be {kind}, but is not: {what}") from error
        if not found:
            raise ValueError(f"{self.name} has to hold lines, each {kind}, but is empty")
        return found


def limited(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """Return all items, or `limit` of them drawn at random, in the order of the file.

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
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} has to be UTF-8 text, but is not: {error.reason} at byte {error.start}") from error
