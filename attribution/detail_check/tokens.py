"""Words, numbers and punctuation of a text, each with its place and with what two equal ones share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from ..text.pictographs import Kind as MarkKind
from ..text.pictographs import Mark, marks
from . import numbers
from .lexicon import FUNCTION_WORDS, MONTHS, NEGATORS, ONLY, ORDINALS, QUANTIFIERS, canonical, places, stem


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    FUNCTION = "function word"
    WORD = "word"
    PUNCTUATION = "punctuation"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or punctuation mark.

    Args:
        low: The word in lower case, in its plainest form: without a possessive s, `can` of `can't`.
        key: What two tokens share that say the same: a stem, or the value of a number.
        kind: What it is.
        start: First code point in the text.
        end: One past the last.
    """

    low: str
    key: str
    kind: Kind
    start: int
    end: int

    @property
    def content(self) -> bool:
        """Return whether it is a number, a name or another word that is no function word."""
        return self.kind in {Kind.NUMBER, Kind.NAME, Kind.WORD}

    @property
    def is_year(self) -> bool:
        """Return whether it is a number from 1000 to 2099 without a fraction."""
        return self.kind is Kind.NUMBER and re.fullmatch(r"#(1\d|20)\d\d", self.key) is not None


_PHRASES = {
    "in favour of": "favouring", "in favor of": "favouring", "at least": "atleast", "at most": "atmost",
    "no more than": "atmost", "no less than": "atleast", "no fewer than": "atleast", "up to": "atmost",
    "fewer than": "atmost", "more than half": "most",
    "a few": "several", "no longer": "not", "have to": "must", "has to": "must", "had to": "must",
    "required to": "must", "per cent": "%", "per mille": "‰", "in front of": "infrontof",
}  # fmt: skip
_WORDS = {"percent": "%", "wo": "will", "ca": "can", "sha": "shall"}

YES, NO = "✓", "✗"
"""What marks for yes and no are, however they are drawn."""

_NEGATIVE = frozenset({"minus", "negative"})
_DEGREES = {"c": "celsius", "f": "fahrenheit", "n": "north", "s": "south", "e": "east", "w": "west"}
_VERSION = re.compile(r"(?i)\b(?:versions?|releases?|ver\.?|v\.?|section|chapter|python)\s?\Z")
_HALVES = {"a": "antemeridiem", "p": "postmeridiem"}

_TOKEN = re.compile(
    rf"""
    (?P<citation>\[[\d,;\s–-]+\])
  | (?P<iso>\b(?P<y>\d{{4}})-(?P<m>0?[1-9]|1[0-2])-(?P<d>[0-2]?\d|3[01])\b)
  | (?P<dotted>\b(?P<dd>[0-2]?\d|3[01])\.(?P<dm>0?[1-9]|1[0-2])\.(?P<dy>\d{{4}})\b)
  | (?P<time>\b(?P<h>[01]?\d|2[0-4])(?:(?::(?P<min>[0-5]\d)(?!\d)(?:\s?(?P<half>[ap])\.?m\b\.?)?)
      | (?:\.(?P<min2>[0-5]\d))?\s?(?P<half2>[ap])\.?m\b\.?))
  | (?P<degrees>°\s?[CFNSEW]\b)
  | (?P<acronym>\b(?:[^\W\d_]\.){{2,}})
  | (?P<roman>(?<=[^\W\d_][ ])(?-i:(?:X{{0,3}}(?:IX|IV|V?I{{1,3}})|X{{2,3}}V?)(?<!\bI))\b)
  | (?P<decade>['’](?P<tens>\d0)s\b)
  | (?P<number>(?:(?:(?<=\s)|(?<=^)|(?<=\())[-−](?=\d))?(?:{numbers.DIGITS}))
      (?P<suffix>(?:st|nd|rd|th|bn|mn|m|k|km|kg|mg|g|cm|mm|ml|s)\b)?
  | (?P<phrase>\b(?:{"|".join(phrase.replace(" ", r"[ ]") for phrase in _PHRASES)})\b)
  | (?P<cannot>\bcannot\b)
  | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)
  | (?P<mark>[%‰$€£¥₹.,;:()!?])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NOT = re.compile(r"(?:n['’]t)\Z", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s?\Z")


@lru_cache(2048)
def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a text; citation marks are none."""
    return tuple(_names(_joined(_pieces(text)), text))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A token before numbers in words are joined and names are told."""

    low: str
    start: int
    end: int
    value: float | None = None
    time: bool = False


def _pieces(text: str) -> list[_Piece]:
    """Return the pieces of a text, with those of its pictographs: a mark for no is `✗`, an arrow up `rose`."""
    told = [piece for mark in marks(text) for piece in _of_mark(mark)]
    if not told:
        return list(_written(text))
    covered = {place for piece in told for place in range(piece.start, piece.end)}
    return sorted([*(piece for piece in _written(text) if piece.start not in covered), *told], key=_begin)


def _begin(piece: _Piece) -> int:
    return piece.start


def _of_mark(mark: Mark) -> Iterator[_Piece]:
    if mark.kind is MarkKind.ANSWER and mark.read:
        yield _Piece(NO if mark.value == "no" else YES, mark.start, mark.end)
    elif mark.kind is MarkKind.TREND:
        yield _Piece("rose" if mark.value == "up" else "fell", mark.start, mark.end)
    elif mark.kind is MarkKind.RATING:
        yield _Piece(mark.value, mark.start, mark.end, float(mark.value))
        yield _Piece("stars", mark.start, mark.end)


def _written(text: str) -> Iterator[_Piece]:
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        group = match.groupdict()
        if group["citation"]:
            continue
        if group["iso"] or group["dotted"]:
            day, month, year = (group[name] for name in (("d", "m", "y") if group["iso"] else ("dd", "dm", "dy")))
            yield _Piece(day, start, end, float(day))
            yield _Piece(MONTHS[int(month) - 1], start, end)
            yield _Piece(year, start, end, float(year))
        elif group["time"]:
            minutes = numbers.clock(group["h"], group["min"] or group["min2"])
            yield _Piece(match.group(), start, end, minutes, time=True)
            half = group["half"] or group["half2"] or ("p" if int(group["h"]) > 12 else None)
            if half:
                yield _Piece(_HALVES[half.lower()], start, end)
        elif group["degrees"]:
            yield _Piece(_DEGREES[match.group()[-1].lower()], start, end)
        elif group["acronym"]:
            yield _Piece(match.group().replace(".", "").lower(), start, end)
        elif group["roman"] or group["decade"]:
            value = _roman(group["roman"]) if group["roman"] else 1900.0 + int(group["tens"])
            yield _Piece(f"{value:g}", start, end, value)
        elif group["number"]:
            yield from _number(match)
        elif group["phrase"]:
            yield _Piece(_PHRASES[" ".join(match.group().lower().split())], start, end)
        elif group["cannot"]:
            yield _Piece("can", start, start + 3)
            yield _Piece("not", start + 3, end)
        else:
            yield from _word(match.group(), start)


def _roman(numeral: str) -> float:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in numeral]
    return float(sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True)))


def _word(written: str, start: int) -> Iterator[_Piece]:
    """Yield a word, and a `not` behind it if it ends in one."""
    end, negated = start + len(written), _NOT.search(written)
    if negated is None:
        low = _POSSESSIVE.sub("", written.lower())
        yield _Piece(_WORDS.get(low, low), start, end)
        return
    base, cut = written[: negated.start()].lower(), start + negated.start()
    if base:  # "does n't", as some corpora write it, has none
        yield _Piece(_WORDS.get(base, base), start, cut)
    yield _Piece("not", cut, end)


def _number(match: re.Match[str]) -> Iterator[_Piece]:
    written, suffix = match["number"].lstrip("-−"), (match["suffix"] or "").lower()
    sign = 1 if written == match["number"] else -1
    value, start, end = sign * numbers.value_of_digits(written), match.start(), match.end("number")
    major, point, minor = written.partition(".")
    if point and minor.isdigit() and _VERSION.search(match.string, max(0, start - 12), start):
        value = float(major) + float(minor) / 1e4  # 2.10 is not 2.1
    money = match.string[max(0, start - 1) : start] in tuple("$€£")
    if suffix in {"bn", "mn", "k"} or (suffix == "m" and money):
        yield _Piece(written, start, match.end(), value * numbers.SCALES.get(suffix, 1e6))
        return
    yield _Piece(written, start, match.end() if suffix in {"st", "nd", "rd", "th"} else end, value)
    if suffix and suffix not in {"st", "nd", "rd", "th"}:
        yield _Piece(suffix, end, match.end())


def _joined(pieces: list[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces with numbers in words, and numbers with a scale behind them, as one each."""
    place = 0
    while place < len(pieces):
        piece, used, value = pieces[place], 1, pieces[place].value
        if value is None and numbers.begins_number(piece.low):
            value, used = numbers.value_of_words([each.low for each in pieces[place : place + 12]])
            value, used = (value, used) if used else (None, 1)
        elif value is None and piece.low in ORDINALS and piece.low != "second":
            value = ORDINALS[piece.low]
        elif value is None and piece.low in numbers.MULTIPLES:
            value = numbers.MULTIPLES[piece.low]
        elif piece.low in _NEGATIVE and place + 1 < len(pieces) and pieces[place + 1].value is not None:
            value, used = -(pieces[place + 1].value or 0.0), 2
            piece = _Piece(pieces[place + 1].low, piece.start, piece.end)
        if value is not None and not piece.time:
            value, used = _with_part(pieces, place, used, value)
            scaled = place + used
            if piece.low == "half" and scaled < len(pieces) and pieces[scaled].low == "a":
                scaled += 1
            while scaled < len(pieces) and pieces[scaled].value is None and pieces[scaled].low in numbers.SCALES:
                if len(pieces[scaled].low) < 2:
                    break
                value = (0.5 if piece.low == "half" else value) * numbers.SCALES[pieces[scaled].low]
                scaled += 1
                used = scaled - place
        yield _Piece(piece.low, piece.start, pieces[place + used - 1].end, value, piece.time)
        place += used


def _with_part(pieces: list[_Piece], place: int, used: int, value: float) -> tuple[float, int]:
    """Return a value with the part of a whole behind it (`two thirds`, `two and a half`), and how many words it has."""
    behind = [each.low for each in pieces[place + used : place + used + 3]]
    if behind == ["and", "a", "half"]:
        return value + 0.5, used + 3
    if (
        behind[:1]
        and behind[0] in numbers.PARTS
        and pieces[place].low != behind[0]
        and value < numbers.PARTS[behind[0]]
    ):
        return 100 * value / numbers.PARTS[behind[0]], used + 1
    return value, used


def _names(pieces: Iterator[_Piece], text: str) -> Iterator[Token]:
    begins = True
    for piece in pieces:
        low = piece.low
        if piece.value is not None:
            key, kind = f"{'@' if piece.time else '#'}{piece.value:g}", Kind.NUMBER
        elif low in {YES, NO}:
            key, kind = low, Kind.FUNCTION
        elif not low[0].isalpha():
            key, kind = canonical().get(low, low), Kind.PUNCTUATION if low in ".,;:()!?" else Kind.WORD
        else:
            closed = low in FUNCTION_WORDS or low in QUANTIFIERS or low in NEGATORS or low in ONLY or low in places()
            written = text[piece.start : piece.end]
            function = low in FUNCTION_WORDS and not (written == "May" or (written == "A" and not begins))
            name = written[:1].isupper() and not function and not (begins and closed)
            kind = Kind.NAME if name else Kind.FUNCTION if low in FUNCTION_WORDS else Kind.WORD
            named = None if low == "may" and not name else canonical().get(low)
            key = named or (low if low in FUNCTION_WORDS else stem(low))
        begins = low in {".", ":", "!", "?"}
        yield Token(low, key, kind, piece.start, piece.end)
