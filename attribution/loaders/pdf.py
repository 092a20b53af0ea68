"""The text layer of a PDF: lines joined that only the width of the page has broken, columns one after the other."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ..text.abbreviations import sentence_goes_on
from .content import EXTRA, Content, real_title

_FULL_LINE = 0.75
"""From which share of the longest line of its page on a line counts as broken by the margin."""

# Forms of letters that fonts have and texts do not: Latin and Armenian ligatures, Hebrew and Arabic presentation forms.
_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")
_NOT_SHOWN = dict.fromkeys([0x200B, 0x2060, 0xFEFF])
_UNNAMED = dict.fromkeys([*range(9), *range(14, 32)], "�")
_CHARACTERS = {**_NOT_SHOWN, **_UNNAMED}
_SOFT_HYPHEN = re.compile("\u00ad(?=\\w)")
_HYPHEN = re.compile(r"(?P<word>[^\W_]+)(?P<mark>[-\u2010\u00ad])\Z")
# "mother-in-", an address, "pre- and post-": there the hyphen at the end of a line is the word's own.
_KEEPS_HYPHEN = re.compile(
    r"\w-\w+-\Z|(?:://|www\.)\S*\Z|\w-,? (?:and|or|und|oder|et|ou|y|o|e) [^\W\d_]+-\Z", re.IGNORECASE
)
_ITEM = re.compile(r"(?:[•▪◦‣·*]|[-–](?=\s+[^\Wa-z])|\(?(?:\d{1,2}|[a-z])[.)])\s+\S")
_UNSPACED = re.compile("[\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]")
# Behind these a hyphen at the end of a line belongs to the word.
# fmt: off
_COMPOUNDS = {
    "well", "self", "half", "ill", "long", "short", "high", "low", "all", "ex", "cross", "non", "mid", "one", "two",
    "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twenty", "thirty", "forty", "fifty", "sixty",
    "seventy", "eighty", "ninety",
}
# fmt: on
_COLUMN_LETTERS = 15
"""Mean length of the lines of a column of prose; the cells of a table are shorter."""

_SAME_PLACE = 2.0
"""Points by which the lines of a column may begin apart."""

_FEWEST_ROWS, _MOST = 3, 0.7
"""Rows of two columns at least, and the share of rows that have words on both sides of the edge."""

Fragment = tuple[float, float, str]
"""Distance from the left edge and from the lower edge of the page, and text."""


@dataclass
class _Line:
    """One line of a page as its parts from left to right."""

    parts: list[tuple[float, str]]

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.parts)

    def side(self, column: float) -> tuple[str, str]:
        """Return the text before and behind the edge of a column."""
        left = " ".join(text for x, text in self.parts if x < column)
        return left, " ".join(text for x, text in self.parts if x >= column)


def read_pdf(data: bytes) -> Content:
    """Read the text layer of a PDF; the title is the one in its metadata, if it is one.

    Lines that the margin or a hyphen has broken are joined, ligatures written out, running heads and page numbers left
    out; two columns that are written row by row are read one after the other. A character that the file does not name
    is U+FFFD.

    Raises:
        ValueError: If the file is no PDF, is damaged, or is encrypted with a password.
        ImportError: Without pypdf; the message has the `pip install` line.
    """
    try:
        from pypdf import PdfReader  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ImportError(f"reading PDF needs pypdf ({error}): {EXTRA}") from error
    try:
        reader = PdfReader(BytesIO(data))
        # An empty user password is common: such a file opens in every viewer.
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it is encrypted; save a copy without a password")
        pages = [_lines(page) for page in reader.pages]
        title = str((reader.metadata and reader.metadata.title) or "").strip()
    except ValueError:
        raise
    # pypdf promises no kinds of errors for what is broken, or encrypted in a way that needs another package.
    except Exception as error:
        raise ValueError(f"it is no readable PDF ({' '.join(str(error).split()) or type(error).__name__})") from error
    text, starts = _joined([_unwrapped(lines) for lines in _without_running_heads(pages)])
    return Content(text, real_title(title).translate(_CHARACTERS), starts)


def _lines(page: Any) -> list[str]:  # noqa: ANN401 (pypdf's page)
    """Return the lines of a page in reading order."""
    fragments: list[Fragment] = []

    def visit(text: str, cm: Sequence[float], tm: Sequence[float], *_: object) -> None:
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        fragments.append((x, tm[4] * cm[1] + tm[5] * cm[3] + cm[5], text))

    plain = page.extract_text(visitor_text=visit)
    lines = _columns(list(_rows(fragments))) or plain.split("\n")
    return [" ".join(_written_out(line).split()) for line in lines]


def _written_out(text: str) -> str:
    text = _FORMS.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    return _SOFT_HYPHEN.sub("", text.translate(_CHARACTERS))


def _rows(fragments: Sequence[Fragment]) -> Iterator[_Line]:
    """Yield the lines that the fragments of a page make up, as the file has them in order."""
    line = _Line([])
    for x, _, text in fragments:
        if text.strip():
            line.parts.append((x, text.strip()))
        if "\n" in text:
            yield line
            line = _Line([])
    yield line


def _columns(lines: Sequence[_Line]) -> list[str] | None:
    """Return the lines with two columns that are written row by row one after the other; `None` if there are none.

    A column begins at one place in most lines, and its lines run on into each other, which the cells of a table do not.
    """
    starts = Counter(round(x) for line in lines for x, _ in line.parts[1:])
    edge, _ = max(starts.items(), key=lambda entry: entry[1], default=(0, 0))
    rows = [n for n, line in enumerate(lines) if any(abs(x - edge) <= _SAME_PLACE for x, _ in line.parts[1:])]
    if len(rows) < _FEWEST_ROWS:
        return None
    first, last = rows[0], rows[-1] + 1
    sides = [line.side(edge - _SAME_PLACE) for line in lines[first:last]]
    left, right = ([text for text in column if text] for column in zip(*sides, strict=True))
    if len(rows) < _MOST * len([side for side in sides if all(side)]) or not (_runs_on(left) and _runs_on(right)):
        return None
    return [*(line.text for line in lines[:first]), *left, "", *right, "", *(line.text for line in lines[last:])]


def _runs_on(lines: Sequence[str]) -> bool:
    """Return whether lines are those of prose: long, and many of them in the middle of a sentence."""
    middle = sum(line[0].islower() for line in lines[1:])
    return sum(map(len, lines)) >= _COLUMN_LETTERS * len(lines) and 3 * middle >= len(lines) - 1


def _without_running_heads(pages: Sequence[list[str]]) -> list[list[str]]:
    """Return the pages without the first and last lines that most of them share, numbers aside."""
    edges = [_edges(lines) for lines in pages]
    times = Counter(_pattern(lines[n]) for lines, places in zip(pages, edges, strict=True) for n in places)
    least = max(3, (len(pages) + 1) // 2)
    return [
        [line for n, line in enumerate(lines) if n not in places or times[_pattern(line)] < least]
        for lines, places in zip(pages, edges, strict=True)
    ]


def _edges(lines: list[str]) -> set[int]:
    written = [n for n, line in enumerate(lines) if line]
    return {*written[:2], *written[-2:]} if len(written) > 4 else {*written[:1], *written[-1:]}


def _pattern(line: str) -> str:
    return re.sub(r"\d+", "#", line.casefold())


def _unwrapped(lines: Sequence[str]) -> str:
    """Return a page with the lines joined that run to the margin, or on into a line that begins in lower case."""
    width = max((len(line) for line in lines), default=0)
    compounds = set(re.findall(r"[^\W\d_]+-[^\W\d_]+", " ".join(lines).casefold()))
    text = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        broken = len(line) >= _FULL_LINE * width and not line.endswith((".", "!", "?", ":"))
        hyphen = bool(_HYPHEN.search(line)) and following[:1].isalnum()
        runs_on = (
            bool(line and following)
            and not _begins_item(line, following)
            and (broken or hyphen or following[0].islower())
        )
        text += _run_on(line, following, compounds) if runs_on else line + "\n"
    return text.strip()


def _begins_item(line: str, following: str) -> bool:
    """Return whether a line begins an item of a list, and not with the day of "am / 5. Mai"."""
    item = _ITEM.match(following)
    return item is not None and not sentence_goes_on(f"{line} {following}", len(line) + item.end())


def _run_on(line: str, following: str, compounds: set[str]) -> str:
    """Return a line as it stands before the next one: without the hyphen of a word that only the margin has broken."""
    found = _HYPHEN.search(line)
    if found is None or not following[0].isalnum():
        return line if _UNSPACED.match(line[-1]) and _UNSPACED.match(following) else line + " "
    word, rest = found["word"], re.match(r"[^\W\d_]*", following)
    other = rest.group() if rest else ""
    same_case = following[0].islower() or (len(word) > 1 and word.isupper() and len(other) > 1 and other.isupper())
    compound = word.casefold() in _COMPOUNDS or f"{word}-{other}".casefold() in compounds
    whole = len(word) == 1 or bool(_KEEPS_HYPHEN.search(line))
    kept = found["mark"] != "\u00ad" and (not word.isalpha() or not same_case or compound or whole)
    return line[:-1] + ("-" if kept else "")


def _joined(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Return the text of all pages, and where each begins; a sentence that runs on to the next page is not cut."""
    text, starts = "", []
    for page in pages:
        if page and text:
            goes_on = page[0].islower() and text[-1] not in ".!?:"
            text = _run_on(text, page, set()) if goes_on else text + "\n\n"
        starts.append(len(text))
        text += page
    return text, tuple(starts)
