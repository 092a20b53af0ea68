"""Words of a statement that its source has not, beside words of the source that stand in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .alignment import Alignment
from .findings import FindingKind
from .lexicon import ALIASES, FUNCTION_WORDS, NEGATORS, ORDINALS, calendar, classes, exclusive, is_word, opposite, units
from .roles import sides
from .tokens import Kind, Token

LEAST_COVERAGE = 0.45
"""Share of the statement's words that must stand in the source before any of them is looked at."""

_COMPARED = frozenset({"over", "up", "down", "under", "more", "less"})
_INEXACT = frozenset({"one", "both", "once", "pair", "couple", "double", "doubled", "halved", "tripled"})
_TIMES = frozenset({"once", "twice", "thrice"})
_CHANGED = frozenset({"doubled", "tripled", "halved"})
_LINKS = frozenset({"and", "or"})
_ADVERBS = frozenset({"also", "then", "so", "both", "therefore", "thus", "later", "subsequently"})
_DEMONYM_ENDS = ("an", "ese", "ish", "ic", "ia", "i")
_INITIALS = re.compile(r"(?:[A-Z][\w.-]*(?: (?:of|the|and|for))? ?){2,}")


class Difference(NamedTuple):
    """Positions of the first and last word of the statement, and of the source, that differ; `None` for no words."""

    kind: FindingKind
    here: tuple[int, int]
    there: tuple[int, int] | None = None


class Replaced(NamedTuple):
    """What was found among replaced words.

    Args:
        differences: The findings.
        n_opposites: How many of them are words of opposite sense, each of which turns the sentence once.
        converse: Whether a pair such as before/after was turned together with its two sides, which says the same.
    """

    differences: list[Difference]
    n_opposites: int
    converse: bool


def replaced(texts: tuple[str, str], found: Alignment) -> Replaced:
    """Return what the statement's words without an equal in the source say otherwise.

    Args:
        texts: Premise and statement.
        found: Their alignment.
    """
    names = _Names(texts, found)
    differences: list[Difference] = []
    n_opposites, converse = 0, False
    keys = {token.key for token in found.source}
    for here, token in enumerate(found.statement):
        if here in found.pairs or token.kind is Kind.PUNCTUATION or (token.kind is Kind.WORD and token.key in keys):
            continue
        if token.kind is Kind.NUMBER:
            differences.extend(_number(found, here, token))
            continue
        differences.extend(_joined(found, here, token, names))
        rival = _rival(found, here, token)
        if rival is not None and not (token.kind is Kind.NAME and found.source[rival].kind is Kind.WORD):
            left, right, _ = sides(found, here, rival, 4)
            if left and right:
                converse = True
                continue
            differences.append(Difference(_class_kind(token), (here, here), (rival, rival)))
            n_opposites += token.kind is Kind.WORD
            continue
        flip = None if token.low in NEGATORS else _antonym(found, here, token)
        if flip is not None and token.kind is not Kind.NAME:
            left, right, _ = sides(found, here, flip, 4)
            if left and right:  # "lent to A by B" is "borrowed by A from B"
                converse = True
                continue
            differences.append(Difference(FindingKind.OPPOSITE, (here, here), (flip, flip)))
            n_opposites += 1
            continue
        if token.kind is Kind.NAME and (here or not is_word(token.low)):
            differences.extend(_name(found, here, token, names))
    return Replaced(differences, n_opposites, converse)


def _number(found: Alignment, here: int, token: Token) -> Iterator[Difference]:
    n_others = sum(other.content for n, other in enumerate(found.statement) if n != here and n not in found.pairs)
    # Of "Platform 2" beside "Platform 1" the number alone is another one.
    alike = not n_others and sum(t.content for t in found.source) == sum(t.content for t in found.statement)
    if (found.coverage < 0.6 and not alike) or any(other.key == token.key for other in found.source):
        return
    if token.low in _INEXACT:
        times = [n for n in found.gap(here) if token.low in _TIMES and found.source[n].low in _TIMES]
        yield from (Difference(FindingKind.NUMBER, (here, here), (n, n)) for n in times[:1])
        return
    others = [n for n in found.gap(here) if found.source[n].kind is Kind.NUMBER]
    others = [n for n in others if found.source[n].is_year == token.is_year or found.source[n].low[0].isdigit()]
    if not others and found.coverage >= 0.75 and token.key not in found.known:
        others = [
            n for n in found.free if found.source[n].kind is Kind.NUMBER and found.source[n].is_year == token.is_year
        ]
    if any(found.source[n].low in _CHANGED for n in others):
        return
    if not here and not found.gap(here) and [each.low for each in found.statement[1:2]] == ["."]:
        return  # "1. FC Bern won" may be the first item of a list
    if others:
        yield Difference(FindingKind.NUMBER, (here, here), (others[0], others[0]))
    elif token.key not in found.known and token.low[0].isdigit():
        yield Difference(FindingKind.NUMBER, (here, here))


def counted(found: Alignment) -> Iterator[Difference]:
    """Yield numbers that things have exchanged: three cranes and two ships, where the source has it the other way."""
    statement, source = found.statement, found.source
    for here, token in enumerate(statement[:-1]):
        thing = statement[here + 1]
        if token.kind is not Kind.NUMBER or token.is_year or thing.kind is not Kind.WORD or here + 1 not in found.pairs:
            continue
        before = [n - 1 for n, each in enumerate(source) if n and each.key == thing.key]
        numbers = [n for n in before if source[n].kind is Kind.NUMBER]
        behind = source[found.pairs.get(here, -1) + 1 :][:1]
        moved = here in found.pairs and bool(behind) and behind[0].kind is Kind.WORD
        exchanged = bool(numbers) and source[numbers[0]].key in {each.key for each in statement}
        if moved and exchanged and numbers == before and all(source[n].key != token.key for n in numbers):
            yield Difference(FindingKind.NUMBER, (here, here), (numbers[0], numbers[0]))


def exchanged_scores(found: Alignment) -> Iterator[Difference]:
    """Yield two numbers that stand the other way round in the source: 3-1 and 1-3, 3:1, or two cells of a row."""
    statement, source = found.statement, found.source
    for here, one in enumerate(statement[:-1]):
        between = statement[here + 1].low if statement[here + 1].low in {":", ","} else ""
        then = here + 1 + bool(between)
        numbers = then < len(statement) and one.kind is Kind.NUMBER and statement[then].kind is Kind.NUMBER
        if not numbers or one.key == statement[then].key or here not in found.pairs or then not in found.pairs:
            continue
        first, last = found.pairs[then], found.pairs[here]
        inner = [token.low for token in source[first + 1 : last]]
        # Numbers that a comma parts in both texts are a list.
        if first < last and (not inner or inner == [between] == [":"]):
            yield Difference(FindingKind.NUMBER, (here, then), (first, last))


def _joined(found: Alignment, here: int, token: Token, names: _Names) -> Iterator[Difference]:
    """Find `and` for `or`, and a word that was added to an enumeration."""
    gap = found.gap(here)
    if token.low == "and":
        for there in (n for n in gap if found.source[n].low == "or"):
            yield Difference(FindingKind.CONJUNCTION, (here, here), (there, there))
            return
    if token.kind not in {Kind.WORD, Kind.NAME} or found.coverage < 0.75 or token.low in names.letters:
        return
    if any(found.source[n].content for n in gap) or token.low in _ADVERBS:
        return
    around = [t.low for t in (*found.statement[max(0, here - 1) : here], *found.statement[here + 1 : here + 2])]
    if around and (around[0] in _LINKS or around[-1] in _LINKS or around == [",", ","]):
        yield Difference(FindingKind.ADDITION, (here, here))


def _rival(found: Alignment, here: int, token: Token) -> int | None:
    """Return a free word of the source that excludes this one."""
    gap = set(found.gap(here))
    near = sorted(gap) if token.kind is Kind.FUNCTION or token.low in _COMPARED else found.free
    for there in near:
        allowed = there in gap or token.key not in found.known
        if allowed and exclusive(token.low, found.source[there].low) and found.beside(here, there):
            return there
    return None


def _antonym(found: Alignment, here: int, token: Token) -> int | None:
    gap = set(found.gap(here))
    near = found.free if token.kind is Kind.WORD and found.coverage >= 0.5 else sorted(gap)
    for there in near:
        allowed = there in gap or token.key not in found.known
        if allowed and opposite(token.low, found.source[there].low) and found.beside(here, there):
            return there
    return None


def _class_kind(token: Token) -> FindingKind:
    if token.low in calendar():
        return FindingKind.CALENDAR
    return FindingKind.UNIT if token.low in units() else FindingKind.OPPOSITE


def _name(found: Alignment, here: int, token: Token, names: _Names) -> Iterator[Difference]:
    if names.knows(token, found):
        return
    others = [n for n in found.gap(here) if found.source[n].kind is Kind.NAME]
    if others:
        yield Difference(FindingKind.NAME, (here, here), (others[0], others[0]))
    elif found.coverage >= 0.6:
        yield Difference(FindingKind.UNKNOWN_NAME, (here, here))


class _Names:
    """In which other forms a premise may hold a name."""

    def __init__(self, texts: tuple[str, str], found: Alignment) -> None:
        premise, statement = texts
        self._statement = statement
        self.letters = re.sub(r"\W", "", premise.lower())
        self._letters_alone = set(re.findall(r"\b[A-Z]\b", premise))
        shown = [premise[t.start : t.end] for t in found.premise if t.kind is not Kind.PUNCTUATION]
        self._initials = "".join(word[0] for word in shown) + " "
        self._initials += "".join(word[0] for word in shown if word.lower() not in FUNCTION_WORDS)
        runs = _INITIALS.findall(statement)
        # Names whose initials stand in the premise: "World Health Organization" where it has "WHO".
        self._spelled = {
            word.lower()
            for run in runs
            for spelled in _tails([word for word in run.split() if word[0].isupper()])
            if "".join(word[0] for word in spelled).lower() in found.known
            for word in re.findall(r"\w+", " ".join(spelled))
        }

    def knows(self, token: Token, found: Alignment) -> bool:
        """Return whether the premise has the name, its initials, its country, or the people of it."""
        low = token.low
        within = low in self.letters if len(low) > 1 else low.upper() in self._letters_alone
        if low in found.known or within or low in self._spelled:
            return True
        if low in ORDINALS and f"#{ORDINALS[low]:g}" in found.known:
            return True  # "the Second World War" is World War II
        # An acronym whose letters begin neighbouring words of the premise.
        shown = self._statement[token.start : token.end]
        if len(shown) > 1 and shown[:2].isupper() and low.upper() in self._initials.upper():
            return True
        return _alias(low, found.known)


def _tails(words: list[str]) -> Iterator[list[str]]:
    """Yield the words without the first none, one, two ..., down to two: "The United Kingdom", "United Kingdom"."""
    for first in range(len(words) - 1):
        yield words[first:]


def _alias(word: str, known: set[str]) -> bool:
    if len(word) > 5 and any(_one_slip(word, other) for other in known):
        return True
    known = known | {other.removesuffix("s") for other in known}
    if any({word, word.removesuffix("s")} & group and group & known for group in ALIASES):
        return True
    if any(known.intersection(part) for parts in classes() for part in parts if word in part):
        return True
    near = [w for w in known if len(word) > 4 and w[:4] == word[:4] and abs(len(w) - len(word)) <= 4 and w != word]
    return any(
        (word.endswith(_DEMONYM_ENDS) or other.endswith(_DEMONYM_ENDS)) and (len(other) <= 6 or other[:5] == word[:5])
        for other in near
    )


def _one_slip(one: str, other: str) -> bool:
    """Return whether two words that begin alike differ in one letter, or in two that were exchanged."""
    if one[0] != other[:1] or abs(len(one) - len(other)) > 1:
        return False
    head, tail = _shared(one, other), _shared(one[::-1], other[::-1])
    longest = max(len(one), len(other))
    if head + tail >= longest - 1:
        return True
    return one[head : head + 2] == other[head : head + 2][::-1] and head + tail >= longest - 2


def _shared(one: str, other: str) -> int:
    """Return how many letters two words begin with together."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
