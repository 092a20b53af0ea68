"""What a file says, and how its bytes become text."""

from __future__ import annotations

import re
from dataclasses import dataclass

EXTRA = 'pip install "counterfoil[documents]"'
"""What installs the readers of HTML and PDF."""

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class Content:
    """What a file says.

    Args:
        text: The text, with `\\n` as line end.
        title: Its own heading or title; empty where it has none.
    """

    text: str
    title: str = ""


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
