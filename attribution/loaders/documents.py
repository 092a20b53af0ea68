"""Files and folders to documents, with an account of what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..documents import Document
from .formats import FORMATS, read_content


class DocumentError(ValueError):
    """A document that was asked for by name cannot be read, or there is none at all."""


@dataclass(frozen=True)
class LeftOut:
    """A file of a folder that did not become a document.

    Args:
        path: The file.
        reason: Why, and what to do about it.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Reading:
    """What was found.

    Args:
        documents: Sorted by id, which is the path below the folder that was given, or the name of the file that was.
        left_out: The files of folders that are no documents.
    """

    documents: list[Document]
    left_out: list[LeftOut]


def read_documents(paths: Iterable[str | os.PathLike[str]]) -> Reading:
    """The documents in files and in folders with all they contain.

    Args:
        paths: Files (text, Markdown, HTML, PDF) and folders. Hidden files and folders (`.git`) are passed over; a file
            that is reached twice is read once.

    Returns:
        The documents, and the files of folders that had to be left out.

    Raises:
        DocumentError: A path does not exist, a file that was named cannot be read, or there is no document at all.
        ImportError: A reader needs the extra `documents`.
    """
    given = [Path(path) for path in paths]
    found: dict[Path, tuple[Path, str, bool]] = {}
    for path in given:
        if not path.exists():
            raise DocumentError(f"cannot read {str(path)!r}: there is no such file or folder. Check the path.")
        named = not path.is_dir()
        for file in [path] if named else _files(path):
            id_ = file.name if named else file.relative_to(path).as_posix()
            found.setdefault(file.resolve(), (file, id_, named))
    documents, left_out = [], []
    for file, id_, named in _with_unique_ids(found.values()):
        try:
            content = read_content(file)
        except (ValueError, OSError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            if named:
                raise DocumentError(f"cannot read {str(file)!r}: {reason}.") from error
            left_out.append(LeftOut(str(file), reason))
        else:
            documents.append(Document(id_, content.text, content.title, {"path": str(file)}))
    if not documents:
        raise DocumentError(_nothing(given, left_out))
    return Reading(sorted(documents, key=lambda document: document.id), left_out)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _with_unique_ids(files: Iterable[tuple[Path, str, bool]]) -> Iterator[tuple[Path, str, bool]]:
    """Where two folders hold a file of one name, the path as it was given tells them apart."""
    listed = list(files)
    times = Counter(id_ for _, id_, _ in listed)
    for file, id_, named in listed:
        yield file, id_ if times[id_] == 1 else file.as_posix(), named


def _nothing(given: list[Path], left_out: list[LeftOut]) -> str:
    where = ", ".join(repr(str(path)) for path in given) or "nothing"
    why = f" ({len(left_out)} file(s) left out, the first: {left_out[0]})" if left_out else ""
    return f"there is no document in {where}{why}. Give files or folders with {', '.join(FORMATS)}."
