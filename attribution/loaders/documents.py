"""Documents from files and folders, with an account of what was left out.

The text of a document is what every offset indexes into. Line ends are `\\n`; Markdown keeps its marks; of HTML the
readable blocks are kept; lines of a PDF that were broken by the page width are joined again.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..documents import Document
from .content import Content, decoded
from .html import read_html
from .pdf import read_pdf

MAX_BYTES = 100_000_000
"""A larger file is no document that a person reads, and is left out."""

_HEADING = re.compile(r"(?m)^#{1,6}[ \t]+(?P<atx>\S.*)$|^(?P<setext>\S[^\n]*)\n=+[ \t]*$")
_FENCED = re.compile(r"(?ms)^[ ]{0,3}(```|~~~).*?(?:^[ ]{0,3}\1|\Z)")
_FIRST_LINE = re.compile(r"\s*([^\n]{1,100}[^\s.!?:;,])[ \t]*\n[ \t]*\n")
# A field stands in its first line, and nothing in it is a paragraph: what follows a rule is text.
_FIELDS = r"(?:(?:[\w\"'-]+[ \t]*:|[ \t]+\S|- |#|[\]}])[^\n]*\n|[ \t]*\n){0,200}?"
_FRONT_MATTER = re.compile(
    rf"(?:---[ \t]*\n(?=[\w\"'-]+[ \t]*:)(?P<fields>{_FIELDS})(?:---|\.\.\.)|"
    r"\+\+\+[ \t]*\n(?P<toml>(?:[^\n]*\n){0,200}?)\+\+\+)[ \t]*(?:\n|\Z)"
)
_TITLE_FIELD = re.compile(
    r"(?mi)^title[ \t]*[:=][ \t]*(?:[|>][+-]?[ \t]*\n(?P<folded>(?:[ \t]+\S.*\n?)+)|[\"']?(?P<line>.+?)[\"']?[ \t]*$)"
)


class DocumentError(ValueError):
    """A document that was named cannot be read, or there is none at all."""


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
    """The documents that were found.

    Args:
        documents: Sorted by id, which is the path below the folder that was given, or the name of the file that was.
        left_out: The files of folders that are no documents.
    """

    documents: list[Document]
    left_out: list[LeftOut]


def read_text(data: bytes) -> Content:
    """Read plain text; the title is a first line that stands alone and does not end a sentence.

    See :func:`~counterfoil.attribution.loaders.content.decoded` for the encodings.
    """
    text = decoded(data)
    heading = _FIRST_LINE.match(text)
    return Content(text, heading.group(1).strip() if heading else "")


def read_markdown(data: bytes) -> Content:
    """Read Markdown as it was written, without front matter; the title is given there, or is the first heading."""
    text = decoded(data)
    front = _FRONT_MATTER.match(text)
    if front is not None:
        text = text[front.end() :]
    field = _TITLE_FIELD.search(front["fields"] or front["toml"] or "") if front is not None else None
    if field is not None:
        return Content(text, " ".join((field["folded"] or field["line"]).split()))
    heading = _HEADING.search(_FENCED.sub("", text))
    found = (heading["atx"] or heading["setext"]).rstrip(" \t#") if heading else ""
    return Content(text, found)


FORMATS: dict[str, Callable[[bytes], Content]] = {
    ".txt": read_text,
    ".text": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
}
"""The reader of each file name ending."""


def read_documents(paths: Iterable[str | os.PathLike[str]]) -> Reading:
    """Return the documents in files, and in folders with all they contain.

    Args:
        paths: Files (text, Markdown, HTML, PDF) and folders. Hidden files and folders (`.git`) are passed over; a file
            that is reached twice is read once. Of a folder only plain files are read, and no link that leads out of it.

    Returns:
        The documents, and the files of folders that had to be left out.

    Raises:
        DocumentError: If a path does not exist, a file that was named cannot be read, or there is no document at all.
        ImportError: If a reader needs the extra `documents`.
    """
    named = list(paths)
    if any(not os.fspath(path) for path in named):
        raise DocumentError("cannot read '': a path is empty. Name the file or folder, or '.' for this folder.")
    given = [Path(path) for path in named]
    found: dict[str, tuple[Path, str, Path | None]] = {}
    for path in given:
        if not os.path.lexists(path):
            raise DocumentError(f"cannot read {str(path)!r}: there is no such file or folder. Check the path.")
        folder = path if path.is_dir() else None
        for file in [path] if folder is None else _files(folder):
            id_ = file.name if folder is None else file.relative_to(folder).as_posix()
            found.setdefault(os.path.realpath(file), (file, id_, folder))
    documents, left_out = [], []
    for file, id_, folder in _with_unique_ids(found.values()):
        try:
            content = read_content(file, within=folder)
        except (ValueError, OSError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            if folder is None:
                raise DocumentError(f"cannot read {str(file)!r}: {reason}.") from error
            left_out.append(LeftOut(str(file), reason))
        else:
            documents.append(Document(id_, content.text, content.title, {"path": str(file)}, pages=content.pages))
    if not documents:
        raise DocumentError(_nothing(given, left_out))
    return Reading(sorted(documents, key=lambda document: document.id), left_out)


def read_content(path: Path, *, within: Path | None = None) -> Content:
    """Return the content of a file, read by the ending of its name.

    Args:
        path: The file.
        within: A folder that it must not lead out of.

    Raises:
        ValueError: For an unknown ending, a file that is no plain file, lies elsewhere, is too large, no text, empty or
            broken; the message is the reason.
        OSError: If the file cannot be read.
        ImportError: If the reader needs the extra `documents`.
    """
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(FORMATS)
        raise ValueError(f"files that end in {path.suffix or 'nothing'!r} are not read; those that end in {known} are")
    if within is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(within)):
        raise ValueError("it is a link that leads out of the folder; name the file itself to have it read")
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no plain file")
    if found.st_size > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 1_000_000} MB")
    content = reader(path.read_bytes())
    if not content.text.strip():
        scanned = "; a scanned PDF needs text recognition first" if path.suffix.lower() == ".pdf" else ""
        raise ValueError(f"there is no text in it{scanned}")
    return content


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _with_unique_ids(files: Iterable[tuple[Path, str, Path | None]]) -> Iterator[tuple[Path, str, Path | None]]:
    """Yield the files, ids made unique: if two folders hold a file of one name, the path tells them apart."""
    listed = list(files)
    times = Counter(id_ for _, id_, _ in listed)
    for file, id_, folder in listed:
        yield file, id_ if times[id_] == 1 else file.as_posix(), folder


def _nothing(given: list[Path], left_out: list[LeftOut]) -> str:
    where = ", ".join(repr(str(path)) for path in given) or "nothing"
    why = f" ({len(left_out)} file(s) left out, the first: {left_out[0]})" if left_out else ""
    return f"there is no document in {where}{why}. Give files or folders with {', '.join(FORMATS)}."
