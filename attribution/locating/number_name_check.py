"""Numbers and names that a claim has and a text has not: the check that a small entailment model is weakest at.

A model of a few million parameters finds "forty minutes" close enough to "twenty minutes". Comparing the numbers and
the names themselves costs nothing and is certain of what it says, which is only this: they stand there or they do not.
A claim whose number is derived ("twice as many", said of 20 and 40) has no such words, or is turned down by mistake.
"""

from __future__ import annotations

import re

_UNITS = (
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {
    **{word: n for n, word in enumerate(_UNITS, start=2)},
    **{word: 10 * n for n, word in enumerate(_TENS, start=2)},
}
_ONES = {"one": 1, **{word: n for n, word in enumerate(_UNITS[:8], start=2)}}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_IN_WORDS = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})[- ](?P<ones>{'|'.join(_ONES)})|(?P<single>{'|'.join(_VALUES)}))\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")


def missing(claim: str, text: str) -> list[str]:
    """Return the numbers and names of `claim` that `text` has in no form, in order.

    Numbers may be written in digits or in words (English, up to ninety-nine, but not `one`); names are words with a
    capital letter behind the first word of the claim, with or without a plural or possessive s.
    """
    held = set(_numbers(text).values())
    numbers = [shown for shown, value in _numbers(claim).items() if value not in held]
    words = {_stem(word) for word in _WORD.findall(text)}
    names = [word for word in _WORD.findall(claim)[1:] if word[0].isupper() and _stem(word) not in words]
    return [*numbers, *dict.fromkeys(name for name in names if not _IN_WORDS.fullmatch(name))]


def _numbers(text: str) -> dict[str, str]:
    """Return each number as it is written, with its value in one form."""
    found = {match.group(): _THOUSANDS.sub("", match.group()) for match in _NUMBER.finditer(text)}
    for match in _IN_WORDS.finditer(text):
        tens, ones, single = (match[name] and match[name].lower() for name in ("tens", "ones", "single"))
        found[match.group()] = str(_VALUES[tens] + _ONES[ones] if tens else _VALUES[single])
    return found


def _stem(word: str) -> str:
    folded = word.casefold().replace("’", "'")
    return folded.removesuffix("'s").removesuffix("'").removesuffix("s")
