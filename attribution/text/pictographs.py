"""Pictographs that say something: marks for yes and no, arrows, stars, flags, weather; all others adorn a sentence.

A mark such as `✅` behind "Dogs are allowed:" decides what the line says, so it stays in the plain text of a statement.
A pictograph that only stands beside complete words (`🎉` at the end, `🗼` before "lighthouse") does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

import regex

_SUFFIX = r"[\p{Emoji_Modifier}\u200d\ufe0e\ufe0f\U000e0020-\U000e007f]*"
PICTOGRAPH = regex.compile(
    rf"(?<=^[ \t>]*(?:[-*+]|\d{{1,3}}[.)])[ \t]+)\[[ xX]\](?=[ \t])|"
    rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|"
    rf"[★⭐🌟☆✩][★⭐🌟☆✩\ufe0f]*|"
    rf"[\p{{Emoji_Presentation}}\p{{Extended_Pictographic}}☐✓✗✘🗸↑↓⇧⇩⇑⇓⬆⬇▲▼--[©®™]]{_SUFFIX}",
    regex.V1 | regex.MULTILINE,
)
"""One pictograph with what modifies it, a flag, a digit in a box, a run of stars, or the box of a task in Markdown."""

# fmt: off
_YES, _NO = frozenset("✅✔☑✓🗸"), frozenset("❌❎✖✗✘☒☐🚫⛔")
# These are read so only where nothing else says what the line says.
_MILD_YES, _MILD_NO = frozenset("👍🟢🆗👌🙆"), frozenset("👎🔴🙅")
_UP, _DOWN = frozenset("↑⇧⇑⬆▲🔺🔼📈↗⏫"), frozenset("↓⇩⇓⬇▼🔻🔽📉↘⏬")
_FILLED, _EMPTY = frozenset("★⭐🌟"), frozenset("☆✩")
_SIGNS = frozenset("➕➖")
_TELLING = frozenset(
    "☀🌞🌤⛅🌥☁🌦🌧🌨🌩⛈🌪🌫❄☃⚡🌈☔"
    "🔒🔓🥇🥈🥉♀♂🔋🪫🔊🔇🔔🔕"
    "🟠🟡🔵🟣🟤⚫⚪🟥🟧🟨🟩🟦🟪🟫⬛⬜♿🚭🚬"
)
# fmt: on
_BLANKS = " \t\u00a0\ufe0f"
# Where a word is missing: behind a colon, a bar, a dash, or a word that another has to follow.
_WANTING = re.compile(
    r"(?:\A|[:：|=,，]|\s[–—-]|(?:\A|[\s(])(?:is|are|was|were|a|an|the|in|to|of|for|with|and|or|from|by|not))\s*\Z",
    re.IGNORECASE,
)
_WANTED = re.compile(r"\s*(?:\Z|[.,;:!?|)\n。，；])")
_NEAR = 40
# The words for yes and no in the place of a mark: "Wifi: no", "| no |", "Wifi, yes, no" for the cells of a row.
_WORD = re.compile(
    r"(?i)(?:(?<=[:|：?？])|(?<=,)(?=[ ](?:(?:yes|no)\b[,.]?\s*)+\Z))[ \t]*"
    r"(?:(?P<yes>yes|true|ja|oui|sí|si|sim|tak|да|是|はい)|"
    r"(?P<no>no|false|nein|non|nee|não|nie|нет|否|いいえ))(?=[ \t]*(?:[.,;|]|\r?\n|\Z))"
)
_LABEL = re.compile(r"(?m)^[ \t*_-]*([^:|\n]{1,40}):")
_DENIES = re.compile(r"(?i)\b(?:no|not|never|none|nothing|nobody|without|cannot|kein\w*|nicht|pas|sin|niet)\b|n['’]t\b")
_LETTER = re.compile(r"[^\W\d_]")
_TIMES = re.compile(r"\d\s*\Z")


class Kind(Enum):
    """What a mark tells."""

    ANSWER = "yes or no"
    TREND = "up or down"
    RATING = "a number of stars"
    PICTURE = "something else"


@dataclass(frozen=True, slots=True)
class Mark:
    """A pictograph that says something.

    Args:
        kind: What it tells.
        value: `yes` or `no`, `up` or `down`, the number of stars, or the pictograph itself.
        start: First code point in the text.
        end: One past the last.
        alone: Whether it stands where a word is missing, so that the sentence says nothing without it.
        mild: Whether it is a yes or no that only counts against another one, or alone.
        read: Whether it changes what the words say: a mild one only alone, a no not beside words that deny as well.
    """

    kind: Kind
    value: str
    start: int
    end: int
    alone: bool
    mild: bool = False
    read: bool = True


@lru_cache(2048)
def marks(text: str) -> tuple[Mark, ...]:
    """Return the pictographs of a text that say something, in order; `yes` and `no` behind a colon or bar as well."""
    found = [mark for match in PICTOGRAPH.finditer(text) if (mark := _mark(text, *match.span())) is not None]
    found += _words(text)
    return tuple(sorted(found, key=lambda mark: mark.start))


def _words(text: str) -> Iterator[Mark]:
    matches = list(_WORD.finditer(text))
    # In a dialogue the name before the colon is that of who answers.
    labels = Counter(match[1] for match in _LABEL.finditer(text)) if matches else Counter[str]()
    for match in matches:
        label = _LABEL.match(text, text.rfind("\n", 0, match.start()) + 1)
        if label and labels[label[1]] > 1:
            continue
        name = "yes" if match["yes"] else "no"
        yield Mark(Kind.ANSWER, name, *match.span(name), alone=True)


def _mark(text: str, start: int, end: int) -> Mark | None:
    written = text[start:end].replace("\ufe0f", "").replace("\ufe0e", "")
    if written[:1] == "[":
        written = "☐" if written == "[ ]" else "☑"
    sign, alone = written[:1], _alone(text, start, end)
    if sign in _YES | _NO | _MILD_YES | _MILD_NO:
        return _answer(text, Mark(Kind.ANSWER, sign, start, end, alone))
    if sign in _UP | _DOWN:
        return Mark(Kind.TREND, "up" if sign in _UP else "down", start, end, alone)
    if sign in _FILLED | _EMPTY:
        n_stars = sum(character in _FILLED for character in written)
        return Mark(Kind.RATING, str(n_stars), start, end, alone) if len(written) > 1 or alone else None
    flag = "\U0001f1e6" <= sign <= "\U0001f1ff" and len(written) == 2
    telling = flag or (alone and _LETTER.search(text)) or sign in _TELLING | _SIGNS
    return Mark(Kind.PICTURE, written, start, end, alone) if telling and not written.endswith("\u20e3") else None


def _answer(text: str, mark: Mark) -> Mark | None:
    """Return the mark with what it answers; `None` if it is a sign between numbers, or one of several adornments."""
    sign, start, end = mark.value, mark.start, mark.end
    yes, mild = sign in _YES | _MILD_YES, sign in _MILD_YES | _MILD_NO
    times = sign == "✖" and _TIMES.search(text, max(0, start - 3), start)  # 3 ✖ 4
    if times or (mild and not mark.alone and _beside_another(text, start, end)):
        return None
    read = mark.alone if mild else yes or not _denied(text, start, end)
    return replace(mark, value="yes" if yes else "no", mild=mild, read=read)


def _alone(text: str, start: int, end: int) -> bool:
    """Return whether a pictograph stands where a word is missing; those beside it are none."""
    before = PICTOGRAPH.sub("", text[max(0, start - _NEAR) : start])
    behind = PICTOGRAPH.sub("", text[end : end + _NEAR])
    return bool(_WANTING.search(before)) and bool(_WANTED.match(behind))


def _beside_another(text: str, start: int, end: int) -> bool:
    return bool(PICTOGRAPH.match(text, end)) or bool(PICTOGRAPH.search(text[max(0, start - 4) : start].rstrip(_BLANKS)))


def _denied(text: str, start: int, end: int) -> bool:
    """Return whether the words beside a mark deny as well: "❌ No parking" says the same without its mark."""
    before = re.split(r"[\n|.;]", text[max(0, start - 4 * _NEAR) : start])[-1]
    behind = re.split(r"[\n|.;]", text[end : end + 4 * _NEAR], maxsplit=1)[0]
    words = before if _LETTER.search(before) else behind
    return bool(_DENIES.search(PICTOGRAPH.split(words)[-1 if words is before else 0]))


def shown(text: str) -> str:
    """Return a text without the pictographs that only adorn it; digits in boxes are digits."""
    if PICTOGRAPH.search(text) is None:
        return text
    telling = {mark.start for mark in marks(text)}

    def rendered(match: regex.Match[str]) -> str:
        if match.group().endswith("\u20e3"):
            return match.group()[0] if _LETTER.search(text, 0, match.start()) else ""
        return match.group() if match.start() in telling else ""

    return PICTOGRAPH.sub(rendered, text)


_SPELLED = {"no": "not", "up": "rose", "down": "fell"}


def spelled(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a text with words in the place of its pictographs, and the range that each of its code points stands for.

    For a model that knows no pictographs: a no is `not`, which such a model reads behind a clause as well as within it;
    a yes adds nothing; arrows rise and fall; stars are counted. The ranges are empty if there is no pictograph.
    """
    if PICTOGRAPH.search(text) is None:
        return text, []
    by_start = {mark.start: mark for mark in marks(text)}
    parts: list[str] = []
    origin: list[tuple[int, int]] = []
    place = 0
    for match in PICTOGRAPH.finditer(text):
        start, end = match.span()
        mark = by_start.get(start)
        word = f" {_word(mark, text[start:end])} "
        parts += [text[place:start], word]
        origin += [*((n, n + 1) for n in range(place, start)), *[(start, end)] * len(word)]
        place = end
    parts.append(text[place:])
    origin += [(n, n + 1) for n in range(place, len(text))]
    return "".join(parts), origin


def _word(mark: Mark | None, written: str) -> str:
    if mark is None:
        return written[0] if written.endswith("\u20e3") else ""
    if mark.kind is Kind.RATING:
        return f"{mark.value} stars"
    return _SPELLED.get(mark.value, "") if mark.read else ""
