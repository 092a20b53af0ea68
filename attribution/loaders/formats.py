"""The content of one file, by the ending of its name.

The text is what every offset indexes into. Line ends are `\\n`; Markdown keeps its marks; of HTML the readable blocks
are kept; lines of a PDF that were broken by the page width are joined again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from .content import Content, decoded
from .html import read_html
from .pdf import read_pdf

_HEADING = re.compile(r"(?m)^#{1,6}[ \t]+(\S.*)$")
_FIRST_LINE = re.compile(r"\s*([^\n]{1,100}[^\s.!?:;,])[ \t]*\n[ \t]*\n")


def read_text(data: bytes) -> Content:
    """Plain text; the title is a first line that stands alone and does not end a sentence.

    See :func:`~counterfoil.attribution.loaders.content.decoded` for the encodings.
    """
    text = decoded(data)
    heading = _FIRST_LINE.match(text)
    return Content(text, heading.group(1).strip() if heading else "")


def read_markdown(data: bytes) -> Content:
    """Markdown as it was written; the title is its first heading."""
    text = decoded(data)
    heading = _HEADING.search(text)
    return Content(text, heading.group(1).rstrip(" \t#") if heading else "")


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


def read_content(path: Path) -> Content:
    """The content of a file, by the ending of its name.

    Raises:
        ValueError: Unknown ending, not text, no text in it, or broken; the message is the reason.
        OSError: The file cannot be read.
        ImportError: The reader needs the extra `documents`.
    """
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(FORMATS)
        raise ValueError(f"files that end in {path.suffix or 'nothing'!r} are not read; those that end in {known} are")
    content = reader(path.read_bytes())
    if not content.text.strip():
        scanned = "; a scanned PDF needs text recognition first" if path.suffix.lower() == ".pdf" else ""
        raise ValueError(f"there is no text in it{scanned}")
    return content
