"""Who did what to whom: words that changed sides, and details that were joined with another clause's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .alignment import Alignment
from .lexicon import ARTICLES, BE, MUTUAL, ONLY, PREPOSITIONS, QUANTIFIERS, SYMMETRIC, lemma, places
from .tokens import Kind, Token

Place = tuple[int, int]
"""Positions of a first and a last word."""

_BREAKS = frozenset({";", ".", ":"})
_CLAUSES = frozenset({"and", "while", "but", "whereas", ",", ";", "."})
_CONTRASTS = _CLAUSES - {"and", ","}
_LESS = frozenset({"less", "fewer"})
_POSSESSIVES = frozenset({"its", "his", "her", "their", "this"})
_SYMMETRIC = re.compile("|".join(SYMMETRIC) + "|met$|and$|or$|with$|between|near$")


def sides(found: Alignment, here: int, there: int, many: int = 2) -> tuple[list[int], list[int], bool]:
    """Return the words that changed sides of a word, and whether some stayed on both.

    Args:
        found: The alignment.
        here: The word's position in the statement.
        there: Its position in the source.
        many: How many words on either side are looked at.

    Returns:
        Positions in the statement left of it that stand right of it in the source, those the other way round, and
        whether a word of each side stayed on it.
    """
    statement, pairs = found.statement, found.pairs
    arguments = [
        n
        for n in found.order
        if statement[n].kind in {Kind.NAME, Kind.NUMBER}
        or (statement[n].kind is Kind.WORD and len(statement[n].low) > 2 and statement[n].low not in ONLY)
    ]
    reach = 7 if many == 2 else 14

    def whole(first: int, last: int) -> bool:
        return not any(token.low in _BREAKS for token in statement[first:last])

    left = [n for n in arguments if here - 6 <= n < here and whole(n, here)][-many:]
    right = [n for n in arguments if here < n <= here + 6 and whole(here, n)][: many + 1]
    comma = next((n for n in range(here, len(statement)) if statement[n].low == ","), None)
    if comma and (not here or statement[here - 1].kind is Kind.PUNCTUATION):  # "After A, B"
        left, right = [n for n in arguments if n > comma][:3], [n for n in right if n < comma]
    stayed_left = any(there - reach <= pairs[n] < there for n in left)
    stayed_right = any(there < pairs[n] <= there + reach for n in right)
    return (
        [n for n in left if there < pairs[n] <= there + reach],
        [n for n in right if there - reach <= pairs[n] < there],
        stayed_left and stayed_right,
    )


def swapped(found: Alignment) -> tuple[Place, Place] | None:
    """Return two words that took each other's place around one word: their places in statement and source."""
    if (owners := _exchanged_owners(found)) is not None:
        return owners
    for here, there in _relations(found):
        left, right, _ = sides(found, here, there)
        for i, j in ((i, j) for i in reversed(left) for j in right):
            a, b = found.pairs[i], found.pairs[j]
            listed = _listed(found.statement[i:j]) and _listed(found.source[min(a, b) : max(a, b)])
            if not listed and _exchanged(found, here, there, i, j) and not _lessened_in_one(found, here, there):
                return (min(i, j), max(i, j)), (min(a, b), max(a, b))
    return None


def _exchanged_owners(found: Alignment) -> tuple[Place, Place] | None:
    """Return two names that exchanged a possessive s: "Anna is Ben's mother", "Ben is Anna's mother"."""
    names = [n for n in found.order if found.statement[n].kind is Kind.NAME]
    owners = [n for n in names if _owns(found.statement[n])]
    for i in (n for n in owners if not _owns(found.source[found.pairs[n]])):
        for j in (n for n in names if n not in owners and _owns(found.source[found.pairs[n]])):
            noun = found.statement[i + 1 : i + 2]
            symmetric = noun and noun[0].low in MUTUAL
            behind = found.source[found.pairs[j] + 1 : found.pairs[j] + 2]
            if noun and behind and noun[0].key == behind[0].key and not symmetric:
                places = sorted((found.pairs[i], found.pairs[j]))
                return (min(i, j), max(i, j)), (places[0], places[1])
    return None


def _owns(token: Token) -> bool:
    """Return whether a name is written with a possessive s, which is no part of its plain form."""
    return token.end - token.start > len(token.low)


def turned_voice(found: Alignment) -> tuple[Place, Place] | None:
    """Return a verb that is passive in one text only while its two sides stayed where they were."""
    statement, source = found.statement, found.source
    for here, there in _relations(found):
        left, right, stayed = sides(found, here, there)
        passive = _passive(statement, here)
        if not stayed or left or right or passive == _passive(source, there) or statement[here].kind is not Kind.WORD:
            continue
        active, place = (source, there) if passive else (statement, here)
        if not any(token.low in BE for token in active[max(0, place - 5) : place]):
            return (here, here), (there, there)
    return None


def misbound(found: Alignment) -> tuple[Place, Place] | None:
    """Return two details of one clause that the source gives to two clauses, each with another partner."""
    statement, source, pairs = found.statement, found.source, found.pairs
    if any(token.low == "respectively" for token in source):
        return None
    clauses, number = [], 0
    for token in source:
        number += token.low in _CLAUSES
        clauses.append(number)
    members: dict[int, dict[str, list[int]]] = {}
    for n, token in enumerate(source):
        if sort_of(token):
            members.setdefault(clauses[n], {}).setdefault(sort_of(token), []).append(n)
    used = set(pairs.values())
    own = [n for n in found.order if sort_of(statement[n])]
    for first, i in enumerate(own):
        for j in own[first + 1 :]:
            one, other, p, q = sort_of(statement[i]), sort_of(statement[j]), clauses[pairs[i]], clauses[pairs[j]]
            if one == other or p == q or any(t.low in _CONTRASTS | {"and"} for t in statement[i:j]):
                continue
            rivals, partners = members.get(p, {}).get(other), members.get(q, {}).get(one)
            if not rivals or not partners or used & {*rivals, *partners}:
                continue
            if statement[j].key not in {source[n].key for n in rivals}:
                return (i, j), (min(pairs[i], rivals[0]), max(pairs[i], rivals[0]))
    return _other_subject(found, own, used)


def _other_subject(found: Alignment, own: Sequence[int], used: set[int]) -> tuple[Place, Place] | None:
    """Find words behind a name that stand behind another name in the source, with a contrast in between."""
    statement, source, pairs = found.statement, found.source, found.pairs
    names = {token.key for token in statement}
    for i in own:
        there, near = pairs[i], pairs.get(i + 1, 0)
        if statement[i].kind is not Kind.NAME or near < 1 or pairs.get(i + 2) != near + 1:
            continue
        before = source[near - 1]
        if before.kind is not Kind.NAME or near - 1 in used or statement[i + 1].kind is Kind.PUNCTUATION:
            continue
        between = source[min(there, near) : max(there, near)]
        if before.key not in names and any(token.low in _CONTRASTS for token in between):
            return (i, i + 2), (near - 1, near + 1)
    return None


def _relations(found: Alignment) -> Iterator[tuple[int, int]]:
    """Yield aligned words that two others can stand around: verbs, prepositions, `then`."""
    for here in found.order:
        token, there = found.statement[here], found.pairs[here]
        if not (token.kind is Kind.WORD or token.low in PREPOSITIONS or token.low == "then"):
            continue
        if _SYMMETRIC.search(token.low) or token.low in {"not", "also", "by"} | ONLY or token.low in QUANTIFIERS:
            continue
        if token.kind is Kind.WORD and (_noun(found.statement, here) or _noun(found.source, there)):
            continue
        yield here, there


def _exchanged(found: Alignment, here: int, there: int, i: int, j: int) -> bool:
    """Return whether two words that changed sides took each other's preposition too: `by` moves with its noun."""
    statement, source, pairs = found.statement, found.source, found.pairs
    own = (_preposition(statement, i), _preposition(statement, j))
    theirs = (_preposition(source, pairs[j]), _preposition(source, pairs[i]))
    if own != theirs or (statement[i].kind is Kind.NUMBER) != (statement[j].kind is Kind.NUMBER):
        return False
    fronted = here and statement[here - 1].low == "," and statement[i].kind is Kind.WORD
    return _passive(statement, here) == _passive(source, there) and (not fronted or statement[here].low == "then")


def _listed(between: Sequence[Token]) -> bool:
    """Return whether two words are joined by `and` or `or`, so that their order says nothing."""
    return any(token.low in {"and", "or"} for token in between)


def _lessened_in_one(found: Alignment, here: int, there: int) -> bool:
    """Return whether one text only has `less` before the word: "A is denser than B", "B is less dense than A"."""
    return _lessened(found.statement, here) != _lessened(found.source, there)


def _lessened(tokens: Sequence[Token], position: int) -> bool:
    first = position - (2 if tokens[position].low == "than" else 1)
    return any(token.low in _LESS for token in tokens[max(0, first) : position])


def _preposition(tokens: Sequence[Token], position: int) -> str:
    """Return the preposition that governs the noun at `position`, if there is one just before it."""
    for n in range(position - 1, max(-1, position - 4), -1):
        low = tokens[n].low
        if low in PREPOSITIONS:
            return "" if low in {"after", "before", "than"} else low
        if tokens[n].kind not in {Kind.WORD, Kind.NAME} and low not in ARTICLES:
            return ""
    return ""


def _passive(tokens: Sequence[Token], verb: int) -> bool:
    conjoined = tokens[verb + 1 : verb + 2] and tokens[verb + 1].low in {",", "and"}
    behind = tokens[verb + 1 : verb + (8 if conjoined else 4)]
    if not any(token.low == "by" for token in behind):
        return False
    if any(
        one.low == "by" and other.kind is Kind.NUMBER
        for one, other in zip(tokens[verb + 1 :], tokens[verb + 2 : verb + 9], strict=False)
    ):
        return False
    low = tokens[verb].low
    if low.endswith(("ing", "ment", "ments")):
        return False
    participle = low.endswith(("ed", "en", "wn")) or lemma(low) != low
    return participle or any(token.low in BE for token in tokens[max(0, verb - 3) : verb])


def _noun(tokens: Sequence[Token], position: int) -> bool:
    """Return whether the word before says that this one is a noun or stands before one."""
    if not position:
        return False
    before = tokens[position - 1]
    return before.kind is Kind.NUMBER or before.low in ARTICLES | _POSSESSIVES | (PREPOSITIONS - {"to", "than"})


def sort_of(token: Token) -> str:
    """Return what sort of detail a word is, for two clauses to have one each; empty if it is none."""
    if token.kind is Kind.NUMBER:
        return "year" if token.is_year else "number"
    if token.kind is Kind.NAME:
        return "name"
    return f"class {places()[token.low][0][0]}" if token.low in places() else ""
