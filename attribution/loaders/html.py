"""HTML as a reader sees it: the readable blocks of a page, a paragraph each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .content import EXTRA, Content

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

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
_BREAK = "\0"


def read_html(data: bytes) -> Content:
    """The readable blocks of a page, each a paragraph; the title is `<title>`, else the first `<h1>`.

    Scripts, styles, templates and navigation are left out. The encoding is the one that the page declares, else UTF-8.

    Raises:
        ValueError: The parser gives the page up.
    """
    try:
        from bs4 import BeautifulSoup  # noqa: PLC0415  (an extra)
        from bs4.builder import ParserRejectedMarkup  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f"reading HTML needs beautifulsoup4: {EXTRA}") from error
    try:
        soup = BeautifulSoup(data, "html.parser")
    except ParserRejectedMarkup as error:
        raise ValueError("it is no readable HTML") from error
    title = next((found.get_text(" ") for found in (soup.title, soup.h1) if found), "")
    return Content(_readable(soup), " ".join(title.split()))


def _readable(soup: BeautifulSoup) -> str:
    for left_out in soup(_NOT_READ):
        left_out.decompose()
    # White space of the source means nothing in HTML, so that a mark of ours can stand for the real breaks.
    for line_break in soup("br"):
        line_break.replace_with(_BREAK)
    for block in soup(_BLOCKS):
        block.insert_before(_BREAK * 2)
        block.insert_after(_BREAK * 2)
    for cell in soup(("td", "th")):
        cell.insert_after(" ")
    text, breaks = "", 0
    for piece in soup.get_text().split(_BREAK):
        words = " ".join(piece.split())
        if words:
            text += ("\n" if breaks == 1 else "\n\n") + words
            breaks = 0
        breaks += 1
    return text.strip()
