"""Files that are written whole or not at all, and outputs that are no files: pipes, devices, standard output."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from ..serialization import json_text

_DESCRIPTOR = re.compile(r"/(?:proc/(?:self|thread-self|\d+)|dev)/fd/(\d+)")
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}


class AtomicFile:
    """A UTF-8 text file that takes the place of an old one when :meth:`commit` is called, or never.

    The text goes to a new file in the same folder, so whoever opens the path sees the old file or the whole new one. A
    symbolic link stays a link: the file that it points to is replaced. A pipe, a device or an open file descriptor
    (`/dev/stdout`, `/dev/fd/3`) is written to directly. Lone surrogates, which no encoding of Unicode can hold, become
    question marks.

    Args:
        path: Where to write.

    Attributes:
        file: What to write to.

    Raises:
        OSError: If the folder does not exist or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._temporary: Path | None = None
        descriptor = _descriptor(Path(path))
        if descriptor is not None:
            self.file: IO[str] = _text_file(os.dup(descriptor))
            return
        self._target = Path(os.path.realpath(path))
        if self._target.exists() and not stat.S_ISREG(self._target.stat().st_mode):
            self.file = _text_file(os.open(self._target, os.O_WRONLY))
            return
        handle, name = tempfile.mkstemp(prefix=f".{self._target.name}.", dir=self._target.parent)
        self._temporary = Path(name)
        self.file = _text_file(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def commit(self) -> None:
        """Put the file in its place.

        Raises:
            OSError: If the disk is full; an old file is left as it was.
        """
        self.file.flush()
        if self._temporary is None:
            self.file.close()
            return
        os.fsync(self.file.fileno())
        self.file.close()
        self._temporary.chmod(_mode_of(self._target))
        self._temporary.replace(self._target)

    def discard(self) -> None:
        """Drop what was written, unless it has been committed."""
        with suppress(OSError):
            self.file.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` whole or not at all; see :class:`AtomicFile`.

    Raises:
        OSError: If the folder does not exist or cannot be written, or the disk is full; an old file is left as it was.
    """
    with AtomicFile(path) as output:
        output.file.write(text)
        output.commit()


def check_outputs(outputs: Iterable[str | os.PathLike[str] | None], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Reject an output that is one of the inputs, or another output.

    Raises:
        ValueError: Naming both.
    """
    taken = [(Path(path), "is an input") for path in inputs]
    for path in outputs:
        if path is None:
            continue
        for other, why in taken:
            if _same(Path(path), other):
                raise ValueError(f"cannot write {str(path)!r}: it {why}. Give another name.")
        taken.append((Path(path), "is written already"))


def check_inputs(inputs: Sequence[str | os.PathLike[str]]) -> None:
    """Reject a file that is given twice, also by another name.

    Raises:
        ValueError: Naming it.
    """
    for number, path in enumerate(inputs):
        if any(Path(path).is_file() and _same(Path(path), Path(other)) for other in inputs[:number]):
            raise ValueError(f"{str(path)!r} is given twice, which would count its answers twice: give it once")


def _same(one: Path, other: Path) -> bool:
    try:
        same = one.samefile(other)
        return same and stat.S_ISREG(one.stat().st_mode)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _descriptor(path: Path) -> int | None:
    """Return the number of the open file descriptor that a path means, `None` if it means a file."""
    place = os.path.abspath(path)
    for _ in range(40):
        if place in _STANDARD:
            return _STANDARD[place]
        found = _DESCRIPTOR.fullmatch(place)
        if found is not None:
            return int(found[1])
        try:
            link = os.readlink(place)
        except OSError:
            return None
        place = os.path.normpath(os.path.join(os.path.dirname(place), link))
    return None


def _text_file(handle: int) -> IO[str]:
    return os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n")


def _mode_of(target: Path) -> int:
    """Return the permissions that `target` has, or that a new file gets here."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write `value` as JSON, whole or not at all.

    Raises:
        ValueError: It holds a NaN or an infinity.
        OSError: The file cannot be written.
    """
    write_text(path, json_text(value))
