"""The text layer of a PDF, with the lines joined that only the width of the page has broken."""

from __future__ import annotations

from io import BytesIO

from .content import EXTRA, Content

_FULL_LINE = 0.75
"""From which share of the longest line of its page on a line counts as broken by the margin."""


def read_pdf(data: bytes) -> Content:
    """The text layer of a PDF; the title is the one in its metadata.

    Raises:
        ValueError: The file is no PDF, is damaged, or is encrypted with a password.
    """
    try:
        from pypdf import PdfReader  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ImportError(f"reading PDF needs pypdf: {EXTRA}") from error
    try:
        reader = PdfReader(BytesIO(data))
        # An empty user password is common: such a file opens in every viewer.
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it is encrypted; save a copy without a password")
        pages = [_unwrapped(page.extract_text()) for page in reader.pages]
        title = (reader.metadata and reader.metadata.title) or ""
    except ValueError:
        raise
    # pypdf promises no kinds of errors for what is broken, or encrypted in a way that needs another package.
    except Exception as error:
        raise ValueError(f"it is no readable PDF ({' '.join(str(error).split()) or type(error).__name__})") from error
    return Content("\n\n".join(page for page in pages if page), str(title).strip())


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
