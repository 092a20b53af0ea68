"""HTML as a reader sees it: the readable blocks of a page, a paragraph each."""

from __future__ import annotations

import re

from .content import EXTRA, Content, decoded, real_title

# fmt: off
_NOT_READ = {
    "script", "style", "template", "noscript", "nav", "svg", "iframe", "head", "video", "audio", "canvas",
    "noframes", "select",
    "rt", "rp", "annotation", "annotation-xml",  # the reading of a word, and a formula that stands there already
    "del", "s", "strike",  # what a page says that it no longer says
}
# fmt: on
# fmt: off
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li",
    "main", "ol", "p", "pre", "section", "summary", "table", "tr", "ul",
}
# fmt: on
_BREAK = "\0"
_INVISIBLE = re.compile(
    r"display:none|(?:^|[;{])(?:left|right|top|text-indent):-\d{3,}|visibility:(?:hidden|collapse)|(?:opacity:0(?:\.0*)?|font-size:0(?:\.0*)?(?:px|r?em|pt|%)?)(?:[;!]|$)"
)
# Characters that are there for line breaking and joining, and are no text.
_NOT_SHOWN = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:-]{1,40})|"
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})"
)
# What browsers read a declared encoding as (WHATWG).
_READ_AS = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252",
    "iso-8859-9": "cp1254", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "euc-kr": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "tis-620": "cp874",
}  # fmt: skip
_ONE_BYTE = re.compile(r"cp\d{3,4}|iso-?8859|koi8|windows|macintosh")
_EXPONENT = re.compile(r"[+−-]?\d+")
_ORDINAL = re.compile(r"(?i)st|nd|rd|th|er?|re|ère|ème|os?|as?|tm|®|™|©|\[.*\]|\(.*\)|[*†‡]+")
_SUPERSCRIPTS = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_LONGEST_EXPONENT = 8


def read_html(data: bytes) -> Content:
    """Read the blocks of a page that are shown, each as a paragraph; the title is `<title>`, else the first `<h1>`.

    Scripts, styles, templates, navigation, hidden and struck-out elements, readings of words and numbers of footnotes
    are left out. Numbers that are set high become superscript characters (`10⁶`), letters follow a caret. The encoding
    is the one that the page declares, as browsers read it, else that of plain text.

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
        name = (declared[1] or declared[2]).decode("ascii", "replace").lower()
        name = _READ_AS.get(name, name)
        try:
            # Letters in UTF-8 are hardly ever letters of another encoding of one byte each, whatever the page declares.
            return data.decode("utf-8") if _ONE_BYTE.match(name) and _is_utf8(data) else data.decode(name)
        except (LookupError, UnicodeDecodeError):
            pass
    return decoded(data, controls=True)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


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
        self._note_link: int | None = None  # depth of a link to another place of the page

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take note that an element begins."""
        self._stack.append(tag)
        if self._left_out is not None:
            return
        to_note = tag == "a" and attributes.get("href", "").startswith("#")
        mark = (to_note and "sup" in self._stack) or (tag == "sup" and self._note_link is not None)
        if to_note:
            self._note_link = len(self._stack)
        if tag in _NOT_READ or mark or _hidden(tag, attributes):
            self._left_out = len(self._stack)
        elif tag == "q":
            self._pieces.append("“")
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
        if self._note_link is not None and depth <= self._note_link:
            self._note_link = None
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
        if tag == "q":
            self._pieces.append("”")
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
