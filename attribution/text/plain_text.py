"""The plain text that a reader sees of a sentence written in Markdown or HTML: what is judged, located and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from .abbreviations import sentence_goes_on
from .markdown import parser
from .pictographs import PICTOGRAPH, shown

if TYPE_CHECKING:
    from markdown_it.token import Token

# Without one of these a sentence is plain already.
_WRITTEN = re.compile(r"[*_`\[\]<&\\|~#>\ue200]|^\s*(?:[-+•→▪◦‣·✓✔►①-⑳]|\(?\w{1,4}[.)、]|\d{1,2}、)")
_LIST_MARK = re.compile(
    r"\s*(?:(?:[-*+•–→▪◦‣·✓✔►]|#{1,6}|>|\d{1,3}[.)]|[ivx]{2,4}[.)]|[a-zA-Z]\)|\((?:\d{1,3}|[a-zA-Z]|[ivx]{2,4})\))\s+|"
    r"[①-⑳]\s*|[一二三四五六七八九十]{1,3}、|\d{1,2}、)"
)
_QUOTE_MARK = re.compile(r"\n[ \t]*>+[ \t]?")
_STRUCK = re.compile(r"~~(?=\S)[^~\n]+(?<=\S)~~|<(?P<tag>del|s|strike)>[^<>]*</(?P=tag)>", re.IGNORECASE)
# `a<b and c>d` is no tag, though CommonMark takes `and` and `c` for attributes.
_TAG = re.compile(
    r"<!--.*-->|</?[a-z][\w-]*(?:\s+[\w:@-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+))*\s*/?>", re.IGNORECASE | re.DOTALL
)
_CLOSING_HASHES = re.compile(r"[ \t]+#+[ \t]*\Z")
_CHECKBOX = re.compile(r"\[([ xX])\]\s+")
_PRODUCT = re.compile(r"(?<=\d)\*(?=\d)")
_EMPTY_BRACKETS = re.compile(
    r"\[cite_start\]|:contentReference(?:\[oaicite:\d+\]\{index=\d+\})?|\ue200[^\ue201]*\ue201|\[\s*\]|\(\s*\)|\*{2,}|_{2,}|~~"
)
_CELLS = re.compile(r"\s+\|\s+")
_RAISED, _LOWERED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"), str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")
_BLANK_BEFORE_STOP = re.compile(r"\s+(?=[.,;:!?。！？、，](?:\s|\Z))")


@lru_cache(maxsize=2048)
def plain_text(source: str) -> str:
    """Return a sentence, an item of a list or a row of a table as a reader sees it, in one line.

    Links are their words, emphasis and tags are gone, so are list marks, struck-out words, empty brackets and
    pictographs that only adorn the sentence; entities are their characters, and cells of a row are parted by commas.
    """
    if _WRITTEN.search(source) is None and PICTOGRAPH.search(source) is None:
        return " ".join(source.split())
    text = _QUOTE_MARK.sub("\n", _without_list_mark(source))
    text = _STRUCK.sub("", text) if _STRUCK.sub("", text).strip(" .*_") else text
    (inline,) = parser().parseInline(_PRODUCT.sub(r"\\*", text))
    text = "".join(_visible(inline.children or []))
    text = _EMPTY_BRACKETS.sub("", _CELLS.sub(", ", shown(text)))
    return _BLANK_BEFORE_STOP.sub("", " ".join(text.split()))


def _without_list_mark(source: str) -> str:
    mark = _LIST_MARK.match(source)
    # "5. Mai" begins with a day, "1. FC Bern" with a name.
    if mark is None or sentence_goes_on(source, mark.end()):
        return source
    rest = source[mark.end() :]
    rest = _CLOSING_HASHES.sub("", rest) if mark.group().lstrip().startswith("#") else rest
    box = _CHECKBOX.match(rest)
    return rest if box is None else ("☐ " if box[1] == " " else "") + rest[box.end() :]


def _visible(tokens: list[Token]) -> Iterator[str]:
    """Yield the characters of inline tokens that are shown."""
    table: dict[int, int] | None = None
    for token in tokens:
        if token.type in {"text", "code_inline"}:
            yield token.content.translate(table) if table else token.content
        elif token.type in {"softbreak", "hardbreak"}:
            yield " "
        elif token.type == "html_inline" and _TAG.fullmatch(token.content) is None:
            yield token.content
        elif token.type == "html_inline":
            tag = token.content.lower()
            table = {"<sup>": _RAISED, "<sub>": _LOWERED}.get(tag, None if tag in {"</sup>", "</sub>"} else table)
            # Tags of blocks and line breaks part words, others stand within them.
            yield " " if re.match(r"</?(?:br|p|div|li|td|th|tr|h[1-6])\b", tag) else ""
