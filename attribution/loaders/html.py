"""HTML as a reader sees it: the readable blocks of a page, a paragraph each."""

from __future__ import annotations

import re

from .content import EXTRA, Content, decoded, real_title

_NOT_READ = {"script", "style", "template", "noscript", "nav", "svg", "iframe", "head"}
# fmt: off
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li",
    "main", "ol", "p", "pre", "section", "summary", "table", "tr", "ul",
}
# fmt: on
_BREAK = "\0"
_INVISIBLE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|(?:opacity:0(?:\.0*)?|font-size:0(?:\.0*)?(?:px|r?em|pt|%)?)(?:[;!]|$)"
)
# Characters that are there for line breaking and joining, and are no text.
_NOT_SHOWN = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:-]{1,40})|"
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})"
)
_EXPONENT = re.compile(r"[+−-]?\d+")
_ORDINAL = re.compile(r"(?i)st|nd|rd|th|er?|re|ère|ème|os?|as?|tm|®|™|©|\[.*\]|\(.*\)|[*†‡]+")
_SUPERSCRIPTS = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_LONGEST_EXPONENT = 8


def read_html(data: bytes) -> Content:
    """Read the blocks of a page that are shown, each as a paragraph; the title is `<title>`, else the first `<h1>`.

    Scripts, styles, templates, navigation and hidden elements are left out. Numbers that are set high become
    superscript characters (`10⁶`), letters follow a caret. The encoding is the one that the page declares, else that of
    plain text.

    Raises:
        ValueError: If the parser gives the page up, or its encoding is unknown.
        ImportError: Without lxml; the message has the `pip install` line.
    """
    try:
        from lxml.etree import HTMLParser, LxmlError  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ImportError(f"reading HTML needs lxml ({error}): {EXTRA}") from error
    page = _Page()
    parser = HTMLParser(target=page, huge_tree=True, encoding="utf-8")
    try:
        parser.feed(_text(data).replace(_BREAK, "\ufffd").encode("utf-8", "replace"))
        parser.close()
    except LxmlError as error:
        raise ValueError("it is no readable HTML") from error
    title = real_title("".join(page.title)) or "".join(page.heading).replace(_BREAK, " ")
    return Content(page.text(), " ".join(title.split()))


def _text(data: bytes) -> str:
    declared = _DECLARED.search(data[:4096])
    if declared is not None and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        name = (declared[1] or declared[2]).decode("ascii", "replace")
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError):
            pass
    return decoded(data, controls=True)


class _Page:
    """Collects the text of a page from the events of lxml's parser, which closes what the page leaves open."""

    def __init__(self) -> None:
        self.title: list[str] = []
        self.heading: list[str] = []
        self._pieces: list[str] = []
        self._stack: list[str] = []
        self._left_out: int | None = None  # depth of the element that is left out
        self._heading_from: int | None = None
        self._superscript_from: int | None = None
        self._subscript_from: int | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take note that an element begins."""
        self._stack.append(tag)
        if self._left_out is not None:
            return
        if tag in _NOT_READ or _hidden(tag, attributes):
            self._left_out = len(self._stack)
        elif tag == "br":
            self._pieces.append(_BREAK)
        elif tag in _BLOCKS:
            self._pieces.append(_BREAK * 2)
        elif tag in {"td", "th"}:
            self._pieces.append(" ")
        if self._left_out is None:
            if tag == "h1" and self._heading_from is None:
                self._heading_from = len(self._pieces)
            if tag == "sup":
                self._superscript_from = len(self._pieces)
            if tag == "sub":
                self._subscript_from = len(self._pieces)

    def end(self, tag: str) -> None:
        """Take note that an element ends."""
        depth = len(self._stack)
        self._stack.pop()
        if self._left_out is not None:
            self._left_out = None if depth <= self._left_out else self._left_out
            return
        if tag == "sup" and self._superscript_from is not None:
            text = "".join(self._pieces[self._superscript_from :]).strip()
            if text and not _ORDINAL.fullmatch(text) and len(text) <= _LONGEST_EXPONENT:
                raised = text.translate(_SUPERSCRIPTS) if _EXPONENT.fullmatch(text) else f"^{text}"
                self._pieces[self._superscript_from :] = [raised]
            self._superscript_from = None
        if tag == "sub" and self._subscript_from is not None:
            text = "".join(self._pieces[self._subscript_from :]).strip()
            before = "".join(self._pieces[max(0, self._subscript_from - 2) : self._subscript_from])
            if text.isdigit() and (before[-1:].isdigit() or before.casefold().endswith("log")):
                self._pieces[self._subscript_from :] = [text.translate(_SUBSCRIPTS)]
            self._subscript_from = None
        if tag == "h1" and self._heading_from is not None and not self.heading:
            self.heading = self._pieces[self._heading_from :]
        if tag in _BLOCKS:
            self._pieces.append(_BREAK * 2)
        elif tag in {"td", "th"}:
            self._pieces.append(" ")

    def data(self, text: str) -> None:
        """Take text."""
        if self._stack[-1:] == ["title"] and "svg" not in self._stack:
            self.title.append(text)
        elif self._left_out is None:
            self._pieces.append(text)

    def close(self) -> None:
        """Take note that the page ends."""

    def text(self) -> str:
        """Return the blocks; white space of the source means nothing in HTML, breaks do."""
        found: list[str] = []
        breaks = 2
        for piece in "".join(self._pieces).translate(_NOT_SHOWN).split(_BREAK):
            words = " ".join(piece.split())
            if words:
                found.append(("\n" if breaks == 1 else "\n\n") + words)
                breaks = 0
            breaks += 1
        return "".join(found).strip()


def _hidden(tag: str, attributes: dict[str, str]) -> bool:
    style = attributes.get("style", "").replace(" ", "").lower()
    return (
        ("hidden" in attributes and attributes["hidden"] != "until-found")
        or bool(_INVISIBLE.search(style))
        or (tag == "dialog" and "open" not in attributes)
    )
