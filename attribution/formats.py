"""The text of one file: plain text, Markdown, HTML or PDF.

What is returned is what every offset indexes into. Line ends are `\\n`; Markdown keeps its marks; of HTML the readable
blocks are kept, one a paragraph; lines of a PDF that were broken by the page width are joined again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

EXTRA = 'pip install "counterfoil[documents]"'
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_HEADING = re.compile(r"(?m)^#{1,6}[ \t]+(.+?)[ \t#]*$")
_FIRST_LINE = re.compile(r"\s*([^\n]{1,100}[^\s.!?:;,])[ \t]*\n[ \t]*\n")
_NOT_READ = ("script", "style", "template", "noscript", "nav", "svg", "iframe", "title")
_BLOCKS = (
    *[
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
    ],
    *[
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tr",
        "ul",
    ],
)
_FULL_LINE = 0.75


@dataclass(frozen=True)
class Content:
    """What a file says.

    Args:
        text: The text, with `\\n` as line end.
        title: Its own heading or title; empty where it has none.
    """

    text: str
    title: str = ""


def read_text(data: bytes) -> Content:
    """Plain text; the title is a first line that stands alone and does not end a sentence.

    See :func:`decoded` for the encodings.
    """
    text = decoded(data)
    heading = _FIRST_LINE.match(text)
    return Content(text, heading.group(1).strip() if heading else "")


def read_markdown(data: bytes) -> Content:
    """Markdown as it was written; the title is its first heading."""
    text = decoded(data)
    heading = _HEADING.search(text)
    return Content(text, heading.group(1).strip() if heading else "")


def read_html(data: bytes) -> Content:
    """The readable blocks of a page, each a paragraph; the title is `<title>`, else the first `<h1>`.

    Scripts, styles, templates and navigation are left out. The encoding is the one that the page declares, else UTF-8.
    """
    try:
        from bs4 import BeautifulSoup  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ImportError(f"reading HTML needs beautifulsoup4: {EXTRA}") from error
    soup = BeautifulSoup(data, "html.parser")
    title = next((found.get_text(" ") for found in (soup.title, soup.h1) if found), "")
    return Content(_readable(soup), " ".join(title.split()))


def read_pdf(data: bytes) -> Content:
    """The text layer of a PDF; the title is the one in its metadata.

    Raises:
        ValueError: The file is no PDF, is damaged, or is encrypted with a password.
    """
    try:
        from pypdf import PdfReader  # noqa: PLC0415  (an extra)
        from pypdf.errors import PyPdfError  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f"reading PDF needs pypdf: {EXTRA}") from error
    try:
        reader = PdfReader(BytesIO(data))
        # An empty user password is common: such a file opens in every viewer.
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it is encrypted; save a copy without a password")
        pages = [_unwrapped(page.extract_text()) for page in reader.pages]
        title = (reader.metadata and reader.metadata.title) or ""
    except (PyPdfError, OSError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no readable PDF ({' '.join(str(error).split()) or type(error).__name__})") from error
    return Content("\n\n".join(page for page in pages if page), str(title).strip())


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


def decoded(data: bytes) -> str:
    """Bytes as text: by byte order mark, else as UTF-8, else as Windows-1252.

    Raises:
        ValueError: The bytes hold control characters that no text has, or are valid in none of the encodings.
    """
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)
    for encoding in [marked] if marked else ["utf-8", "cp1252"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text):
            break
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise ValueError("it is binary or in an unknown encoding; save it as UTF-8 text")


def _readable(soup: BeautifulSoup) -> str:
    for left_out in soup(_NOT_READ):
        left_out.decompose()
    # White space of the source means nothing in HTML, so that a mark of ours can stand for the real breaks.
    for line_break in soup("br"):
        line_break.replace_with("\x00")
    for block in soup(_BLOCKS):
        block.insert_before("\x00\x00")
        block.insert_after("\x00\x00")
    for cell in soup(("td", "th")):
        cell.insert_after(" ")
    runs = re.split("(\x00+)", re.sub(r"[ \t\r\n\f]*(\x00)[ \t\r\n\f]*", r"\1", soup.get_text()))
    pieces = [("\n" if len(run) == 1 else "\n\n") if run.startswith("\x00") else " ".join(run.split()) for run in runs]
    return "".join(pieces).strip()


def _unwrapped(page: str) -> str:
    """A page with the lines joined that run to the margin, or on into a line that begins in lower case."""
    lines = [" ".join(line.split()) for line in page.split("\n")]
    width = max((len(line) for line in lines), default=0)
    text = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        broken = len(line) >= _FULL_LINE * width and not line.endswith((".", "!", "?", ":"))
        runs_on = bool(line and following) and (broken or following[0].islower())
        text += line + (" " if runs_on else "\n")
    return text.strip()
