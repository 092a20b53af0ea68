"""Words that exclude each other, and the closed classes of words that a detail can hang on. English.

`data/antonyms.txt` are the antonym pairs of WordNet 3.1 under the licence beside it; `data/classes.txt` is our own.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

import regex
import simplemma


def _data(name: str) -> list[str]:
    return (files("counterfoil.attribution.detail_check") / "data" / name).read_text(encoding="utf-8").splitlines()


def _groups() -> dict[str, tuple[tuple[str, ...], ...]]:
    lines = (line.split(" = ") for line in _data("words.txt") if not line.startswith("#"))
    return {name: tuple(tuple(part.split()) for part in words.split("/")) for name, words in lines}


def _ranks(name: str) -> dict[str, int]:
    return {word: rank for rank, words in enumerate(_WORDS[name]) for word in words}


def _set(name: str) -> frozenset[str]:
    return frozenset(word for words in _WORDS[name] for word in words)


_WORDS = _groups()

QUANTIFIERS = _ranks("quantifiers")
"""From none to all."""
ALL = max(QUANTIFIERS.values())
MODALS = _ranks("modals")
"""From what is possible to what is necessary."""
HEDGES, CONDITIONS, ONLY, EXCEPTIONS = (_set(name) for name in ("hedges", "conditions", "only", "exceptions"))
NEGATORS, ARTICLES, PREPOSITIONS, BE = (_set(name) for name in ("negators", "articles", "prepositions", "be"))
FUNCTION_WORDS = _set("function")
SYMMETRIC = tuple(_set("symmetric"))
"""Beginnings of relations that hold in both directions: `A married B` is `B married A`."""
MUTUAL = _set("mutual")
"""What two people are to each other alike: `Anna is Ben's cousin` is `Ben is Anna's cousin`."""
ALIASES = tuple(frozenset(words) for words in _WORDS["aliases"])
"""Names of one country, and what belongs to it."""
CARDINALS = _set("cardinals")
ORDINALS = {word: float(rank + 1) for word, rank in _ranks("ordinals").items()}
MONTHS = _WORDS["months"][0]

# A form of two words; the lemmatizer knows the other one.
_AMBIGUOUS = {"rose": "rise", "left": "leave", "lay": "lie", "fell": "fall", "worse": "bad"}
_NAMED_ALIKE = (
    "monday",
    "january",
    "kilometre",
    "kilogram",
    "litre",
    "celsius",
    "dollar",
    "watt",
    "kilobyte",
    "hectare",
    "hertz",
)
_NEGATIVE_PREFIXES = ("un", "in", "im", "non", "dis", "ir", "il", "de")

LEAST_KNOWN = 0.7
"""Share of a text's words in lower case that must be English; English has 0.75 and more, others mostly below 0.6."""
_WORD_IN_LOWER_CASE = regex.compile(r"\b\p{Ll}[\p{L}'’]*")


@cache
def classes() -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return the closed classes; words in different parts of one exclude each other."""
    return tuple(
        tuple(tuple(part.split()) for part in line.split("/"))
        for line in _data("classes.txt")
        if line and not line.startswith("#")
    )


@cache
def places() -> dict[str, tuple[tuple[int, int], ...]]:
    """Return for each word the classes that it is in, and in which part of each."""
    found: dict[str, list[tuple[int, int]]] = {}
    for number, parts in enumerate(classes()):
        for part, words in enumerate(parts):
            for word in words:
                found.setdefault(word, []).append((number, part))
    return {word: tuple(all_places) for word, all_places in found.items()}


@cache
def calendar() -> frozenset[str]:
    """Return the names of weekdays, months, seasons and times of day."""
    return frozenset(word for parts in classes()[:5] for words in parts for word in words)


@cache
def units() -> frozenset[str]:
    """Return the names of units of measurement and money."""
    return frozenset(
        word
        for parts in classes()
        if parts[0][0] in (*_NAMED_ALIKE[2:], "day", "days")
        for words in parts
        for word in words
    )


@cache
def canonical() -> dict[str, str]:
    """Return for each name of a weekday, month or unit the first name of the same one: `jan` is `january`."""
    named = (parts for parts in classes() if parts[0][0] in _NAMED_ALIKE)
    return {word: words[0] for parts in named for words in parts for word in words}


@cache
def antonyms() -> dict[str, frozenset[str]]:
    """Return the antonyms of each word that has some."""
    found: dict[str, set[str]] = {}
    for line in _data("antonyms.txt"):
        one, other = line.split()
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


@lru_cache(65536)
def lemma(word: str) -> str:
    """Return the base form of a word in lower case: `sold` -> `sell`."""
    return _AMBIGUOUS.get(word) or simplemma.lemmatize(word, "en").lower()


@lru_cache(65536)
def is_word(word: str) -> bool:
    """Return whether a word in lower case is English."""
    return simplemma.is_known(word, "en")


@lru_cache(4096)
def is_english(text: str) -> bool:
    """Return whether most words of a text are English; one without a word in lower case counts as English."""
    words = _WORD_IN_LOWER_CASE.findall(text)
    known = sum(is_word(word.partition("'")[0].partition("’")[0]) for word in words)
    return known >= LEAST_KNOWN * len(words)


@lru_cache(65536)
def stem(word: str) -> str:
    """Return what words of one family share, roughly: `measured`, `measurement` and `measure` are `measur`."""
    word = lemma(word)
    for end in (
        *("ations", "ation", "ically", "ments", "ment", "ings", "ing", "ies", "ied"),
        *("ions", "ion", "ers", "ed", "es", "ly", "s", "e", "y"),
    ):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith("ss"):
            word = word[: -len(end)]
            return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl" else word
    return word


@lru_cache(65536)
def opposite(one: str, other: str) -> bool:
    """Return whether two words are antonyms, or one is the other with a negative prefix."""
    table = antonyms()
    if any(y in table.get(x, ()) for x in _forms(one) for y in _forms(other)):
        return True
    short, long = sorted((one, other), key=len)
    return len(short) > 3 and long in {prefix + short for prefix in _NEGATIVE_PREFIXES}


@lru_cache(4096)
def exclusive(one: str, other: str) -> bool:
    """Return whether two words stand in different parts of a closed class, and together in none."""
    there = dict(places().get(other, ()))
    here = places().get(one, ())
    if any(there.get(number) == part for number, part in here):
        return False
    return any(number in there for number, _ in here)


def _forms(word: str) -> tuple[str, ...]:
    """Return the word, its base form, and the base of a comparative, superlative or adverb."""
    found = [word, lemma(word)]
    found += [
        word[: -len(end)] for end in ("er", "est", "ly", "r", "st") if word.endswith(end) and len(word) - len(end) > 2
    ]
    return tuple(dict.fromkeys(found))
