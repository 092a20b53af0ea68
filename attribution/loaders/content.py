"""The content of a file, and how its bytes become text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

EXTRA = 'pip install "counterfoil[documents]"'
"""What installs the reader of PDF."""

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
# What words look like that were written in another encoding of Latin letters and read as Windows-1252.
_MISREAD = re.compile(r"[^\W\d_][¹²³¼½¾ªº¿¡¯£¥¦§¨©«¬®°±´¶¸»×÷][^\W\d_]|\ufffd")
_LATIN = ["cp1250", "cp1254", "cp1257", "iso8859_2"]
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949", "tis_620"]
_FEW = 12
"""Letters beyond ASCII of which nothing can be told."""


class UnknownEncodingError(ValueError):
    """Bytes are no text, or text in an encoding that cannot be told."""

    def __init__(self) -> None:
        super().__init__("it is binary or in an unknown encoding; save it as UTF-8 text")


@dataclass(frozen=True)
class Content:
    """The content of a file.

    Args:
        text: The text, with `\\n` as line end.
        title: Its own heading or title; empty if it has none.
        pages: Offset at which each page begins; empty if it has no pages.
    """

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()


_NO_TITLE = re.compile(
    r"(?i)\s*(?:untitled.*|unknown|\(anonymous\)|no title|(?:new )?document\s*\d*|slide \d+|powerpoint presentation|"
    r")\s*"
)
_PROGRAM = re.compile(r"(?i)^\s*microsoft (?:word|powerpoint|excel) - ")


def real_title(title: str) -> str:
    """Return a title as it is given by a file; empty if it is one that programs give for lack of one."""
    title = _PROGRAM.sub("", title).strip()
    return "" if _NO_TITLE.fullmatch(title) else title


def decoded(data: bytes, *, controls: bool = False) -> str:
    """Return bytes as text: by byte order mark, else as UTF-8, else as Windows-1252, if its words then look right.

    Text in letters that Windows-1252 does not know is read in the encoding that charset-normalizer finds, if it finds
    the words of a language in it; otherwise it is refused, because a wrong guess would change names.

    Args:
        data: The bytes.
        controls: Whether control characters are allowed.

    Raises:
        UnknownEncodingError: If the bytes hold control characters that no text has, or the encoding cannot be told.
    """
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)
    try:
        text = data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        text = None if marked else _guessed(data)
    if text is None or (_CONTROL.search(text) and not controls):
        raise UnknownEncodingError
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _guessed(data: bytes) -> str | None:
    """Return text that is not UTF-8, `None` if its encoding cannot be told."""
    western = data.decode("cp1252", "replace")
    letters = [character for character in western if character.isalpha()]
    beyond = sum(character > "\x7f" for character in letters)
    foreign = beyond > _FEW and beyond > 0.4 * len(letters)
    if not foreign and not _MISREAD.search(western):
        return western
    found = from_bytes(data, cp_isolation=_OTHERS if foreign else _LATIN).best()
    return str(found) if found is not None and found.coherence > 0 else None
