"""Sentences with their places in the text.

The boundaries are those of `sentencex`. Here they are dropped behind abbreviations and ordinal numbers, added behind
units ("31 m. The pier"), cut at list items, headings and rows of tables, joined if a piece holds no word, and trimmed,
so that every sentence says where in the given text it stands.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import sentencex

from ..serialization import without_surrogates
from .abbreviations import sentence_goes_on

_NUMBERING = r"(?:\d{1,3}|[ivx]{2,4}|[IVX]{2,4})[.)]"
_BLOCK_TAGS = r"(?:p|li|div|h[1-6]|tr|ul|ol|table)"
# A list item, a heading, a row of a table is a unit of its own even if its line ends without a full stop.
_BLOCK_START = re.compile(
    rf"(?m)^[ \t]*(?:(?:[-*•+–→▪◦‣·✓✔►]|{_NUMBERING}|[a-zA-Z]\)|\((?:\d{{1,3}}|[a-zA-Z]|[ivx]{{2,4}})\)|#{{1,6}})[ \t]|"
    rf"[①-⑳]|[一二三四五六七八九十]{{1,3}}、|\d{{1,2}}、|\||<{_BLOCK_TAGS}\b)"
)
_BLOCK_END = re.compile(rf"(?m)^[ \t]*#{{1,6}}[ \t][^\n]*(?:\n|\Z)|</{_BLOCK_TAGS}>\s*|<br ?/?>\s*")
_ITEM_NUMBER = re.compile(rf"\s*(?:{_NUMBERING}|[a-zA-Z][.)])\s*\Z")
_LETTERED = re.compile(r"(?:^|\n)[ \t]*[A-Za-z][.)]\s*\Z")  # an item of a list
_WORD = re.compile(r"\w")
TAG = re.compile(r"<!--.{0,2000}?-->|</?[a-zA-Z][^<>]*>", re.DOTALL)
_BEHIND_UNIT = re.compile(
    r"(?<=\d)\s?(?:[mckµn]?m|km|[mkµ]?g|m?l|ft|mi|lb|oz|h|s|ms|min|[kMG]?W|[kM]?V|[kMG]?Hz|[°º]?[CF]|K)[²³]?\.(?P<gap>\s+)"
    r"(?=[\"“„«(\[]?[A-ZÄÖÜ][a-zäöüß]*\s)"
)
# A sentence in brackets that stands alone.
_BRACKETED = re.compile(
    "(?:^|(?<=[。！？\\n]))[（(「『][^（）()「」『』]*[。！？][）)」』]|"
    r"(?:^|(?<=[.!?]\s))\([A-ZÀ-Þ][^()]*[.!?]\)(?=\s+[\"“„«]?[A-ZÀ-Þ])"
)
# Abbreviations and units that end a sentence if the next word begins one.
_LAST_WORDS = re.compile(
    r"(?:(?<![^\W\d_])(?:(?P<list>etc|ecc|usw|usf|т\. ?д|т\. ?п)|Chr|a\. ?C|d\. ?C|J\.-C|г|гг|в|ff?|S\.[AL])|"
    r"(?<=\d)\s?[^\W\d_]{1,4}|(?<=\d\s)[^\W\d_]{1,4})\.(?=(?P<gap>\s+)(?P<next>[A-ZÀ-ÞА-ЯЁ]\w*+)(?!\.))"
)
_STARTERS = {
    "de": "danach dann dort hier diese dieser dieses später so doch aber wir man seine ihre nach als",
    "es": "se luego después allí este esta esto murió pero hoy",
    "fr": "puis ensuite cette cet après mais ici on nous en",
    "ru": "он она оно они это потом затем после но и а в на там здесь его её их",
}
_OPENING = re.compile(r"(?<=\s)(?P<marks>[«“„‘「『(\"'¿¡]+)\Z")
_CLOSING = frozenset("」』）】》〉”’»")
_ASKED = re.compile(r"[;\u037e]\s*\Z")  # in Greek
_LETTER = re.compile(r"[^\W\d_]")
_WORD_IN_LETTERS = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "ru": re.compile("[Ѐ-ӿ]"),
    "el": re.compile("[Ͱ-Ͽἀ-῿]"),
    "hi": re.compile("[ऀ-ॿ]"),
    "ar": re.compile("[؀-ۿ]"),
}
# fmt: off
# The most frequent words of each language: they tell it, and begin its sentences.
_SMALL_WORDS = {
    "en": "the of and to in is was it that he she they for on with by from at are were this not his a an as no or but",
    "de": "der die das und ist ein eine nicht mit auf er sie es den dem des im von zu war sich für gilt wurde",
    "fr": "le la les et est un une des du il elle dans pour que qui pas au sur avec ce était ont par se ils",
    "es": "el la los las y es un una de del que en por con se su al fue son para como lo no",
    "it": "il lo la gli e è un una di del della che in per con si non nel fu sono al da dei le",
    "pt": "o a os as e é um uma de do da que em por com se não no na foi são ao dos para",
    "nl": "de het een en is van in dat op te met voor niet zijn hij ze aan er was ook bij",
    "pl": "i w z na się nie jest do to że był była od po za przez jak o dla są",
}
# fmt: on
WINDOW, MARGIN = 20_000, 5_000
"""Most code points of a costly text that are cut at once, and how many of them are read again with what follows."""
AFFORDABLE = 2e8
"""From how many code points times marks of quotations and brackets on a text is costly: a fraction of a second."""
_PAIRED = re.compile("[\"'“”„‘’«»‹›(（\\[「『《【]")


@dataclass(frozen=True)
class TextSpan:
    """`text` stands at `[start, end)` of the text it was taken from, in code points.

    Args:
        start: First code point of the span.
        end: One past the last.
        text: The characters between them.
    """

    start: int
    end: int
    text: str


def sentences(text: str, language: str | None = None) -> list[TextSpan]:
    """Return the sentences of `text`, in order, without the white space around them.

    Args:
        text: Any text.
        language: ISO 639 code, as `sentencex` takes it; `None` for what :func:`language_of` tells.

    Returns:
        Spans whose `text` equals the slice of the given text, which do not overlap and which together hold every
        character that is not white space. Empty for a text of white space only.
    """
    language = language or language_of(text)
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        pieces = [_trimmed(text, *piece) for piece in _boundaries(text, start, end, language)]
        spans.extend(_joined(text, [piece for piece in pieces if piece[0] < piece[1]]))
    return [TextSpan(start, end, text[start:end]) for start, end in _joined(text, spans)]


def language_of(text: str) -> str:
    """Return the language whose abbreviations a text has, as an ISO 639 code: told by its letters and small words.

    English stands for every language that is not known here, whose rules cut most of them as well.
    """
    sample = text[:2000]
    letters = _LETTER.findall(sample)
    for language, script in _SCRIPTS.items():
        if 2 * len(script.findall(sample)) > len(letters):
            return language
    words = {word.casefold() for word in _WORD_IN_LETTERS.findall(sample) if len(word) > 1}
    known = {language: len(words & _words_of(language)) for language in _SMALL_WORDS}
    found = max(known, key=lambda language: known[language])
    return found if known[found] > max(known["en"], 1) else "en"


@cache
def _words_of(language: str) -> frozenset[str]:
    return frozenset(f"{_SMALL_WORDS.get(language, '')} {_STARTERS.get(language, '')}".split())


def _blocks(text: str) -> Iterable[tuple[int, int]]:
    cuts = {0, len(text)}
    cuts.update(match.start() for match in _BLOCK_START.finditer(text))
    cuts.update(match.end() for match in _BLOCK_END.finditer(text))
    return itertools.pairwise(sorted(cuts))


def _boundaries(text: str, start: int, end: int, language: str) -> Iterable[tuple[int, int]]:
    block = without_surrogates(text[start:end])
    places = _cut(block, "en")
    if language != "en":
        # Each language's list has abbreviations that the other lacks; only its own list knows its question mark.
        own = _cut(block, language)
        places = (places & own) | {place for place in own if _ASKED.search(block, max(0, place - 9), place)}
    places = {_at_marks(block, place) for place in places}
    places.update(match.start("gap") for match in _BEHIND_UNIT.finditer(block))
    places.update(match.end() for match in _BRACKETED.finditer(block))
    kept = {place for place in places if not _goes_on(block, place, language)}
    kept.update(_behind_last_words(block, language))
    return itertools.pairwise([start, *(start + place for place in sorted(kept)), end])


def _behind_last_words(block: str, language: str) -> Iterable[int]:
    """Yield the places behind abbreviations that end a sentence, because the next word begins one."""
    for match in _LAST_WORDS.finditer(block):
        listed = match["list"] and language not in {"de", "pl", "ru"}
        if listed or match["next"].casefold() in _words_of(language):
            yield match.start("gap")


def _cut(block: str, language: str) -> set[int]:
    """Return where `sentencex` cuts; it looks for the end of each quotation: texts with very many are cut in windows.

    A window begins where a sentence does. Cuts near its end, which might look otherwise with the words behind it, are
    left to the next one.
    """
    found: set[int] = set()
    start = 0
    costly = len(block) > WINDOW and len(block) * sum(1 for _ in _PAIRED.finditer(block)) > AFFORDABLE
    while costly and len(block) - start > WINDOW:
        end = start + WINDOW
        read = block.rfind("\n\n", start + MARGIN, end) + 2
        settled = read if read > 1 else end - MARGIN
        within = {start + place for place in _cut_window(block[start:end], language)}
        within = {place for place in within if place <= settled}
        found |= within
        blank = block.rfind(" ", settled - MARGIN, settled) + 1
        start = max(within, default=blank or settled)
    return found | {start + place for place in _cut_window(block[start:], language)}


def _cut_window(text: str, language: str) -> set[int]:
    found = sentencex.get_sentence_boundaries(language, text)  # pyright: ignore[reportAttributeAccessIssue]  (a compiled module without stubs)
    return {piece["end_index"] for piece in found[:-1]}


def _goes_on(block: str, place: int, language: str) -> bool:
    hyphenated = block[place : place + 1] == "-" and block[place + 1 : place + 2].isalpha()
    return (
        hyphenated
        or bool(_LETTERED.search(block, max(0, place - 8), place))
        or sentence_goes_on(block, place, language)
    )


def _at_marks(block: str, place: int) -> int:
    """Return the place behind a closing mark that was left to the next sentence, before an opening one of it."""
    opening = _OPENING.search(block, max(0, place - 4), place)
    if opening is not None and not block[place : place + 1].isspace():
        return opening.start("marks")
    while block[place : place + 1] in _CLOSING:
        place += 1
    return place


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + max(left, len(piece.rstrip()))


def _joined(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join pieces without a word to the sentence before, and the number of a list item to the item."""
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        dangling = bool(joined) and not _complete(text[slice(*joined[-1])])
        if joined and (dangling or not _has_word(text[start:end])):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _complete(piece: str) -> bool:
    return _has_word(piece) and not _ITEM_NUMBER.fullmatch(piece)


def _has_word(piece: str) -> bool:
    return bool(_WORD.search(TAG.sub("", piece)))
