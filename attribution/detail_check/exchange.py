"""Partners that two clauses exchanged: "Anna won gold and Ben silver" beside "Anna won silver and Ben gold"."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from .alignment import Alignment
from .lexicon import ARTICLES, PREPOSITIONS, exclusive, is_word, opposite, places, units
from .roles import Place, sort_of
from .tokens import Kind, Token

_BREAKS = frozenset({"and", "or", "while", "but", "whereas", ",", ";", "."})
_CLAUSE_ENDS = frozenset({"while", "but", "whereas", "and", ";"})
_ENDS = frozenset({".", "!", "?"})
PLAIN_COVERAGE = 0.85
"""Share of the statement's words that must stand in the source for plain words to be details, as names and numbers are.

The second clause has to begin with one of them then.
"""

MOST_APART = 60
"""Where more pairs of a clause's words than this stand in no clause of the source, the two do not run alongside."""

_SKIPPED = ARTICLES | PREPOSITIONS | {","}


def exchanged(found: Alignment) -> tuple[Place, Place] | None:
    """Return two details of one clause that the source gives to two clauses, each in the place of the other.

    Details a, b of one clause and a', b' of another were exchanged if the source has a beside b' and b beside a', and
    nowhere a beside b. Where a sentence says "respectively", the first things of its two lists are a clause, and so on.
    """
    here, there = _Clauses(found.statement), _Clauses(found.source)
    lists = _joined(found.statement) & _joined(found.source)
    plain = found.coverage >= PLAIN_COVERAGE
    clauses = [[n for n in clause if found.statement[n].key in there.where] for clause in here.groups]
    apart = [_apart(here, there, clause) for clause in clauses]
    for one, other in itertools.combinations(range(len(clauses)), 2):
        for (a, b), (c, d) in itertools.product(apart[one], apart[other]):
            quad = tuple(found.statement[n] for n in (a, b, c, d))
            if not here.alike(a, b, c, d, plain=plain and c == clauses[other][0]):
                continue
            if here.together(quad[0], quad[3]) or here.together(quad[1], quad[2]):
                continue
            if any(pair <= {token.key for token in quad} for pair in lists):
                continue  # "advice and help" in both texts: their order says nothing
            crossed = there.crossed(quad)
            if crossed and not (_converse(quad) and any(_turned(found, clauses[one], group) for group in there.groups)):
                return (a, b), there.place(crossed[0])
    return None


def _apart(here: _Clauses, there: _Clauses, clause: Sequence[int]) -> list[Place]:
    """Return the pairs of words of a clause that no clause of the source has together; none if they are too many."""
    pairs = [(a, b) for a, b in itertools.combinations(clause, 2) if not there.together(here.tokens[a], here.tokens[b])]
    return pairs if len(pairs) <= MOST_APART else []


def _converse(quad: Sequence[Token]) -> bool:
    """Return whether two of the details are words of opposite sense."""
    pairs = ((quad[0].low, quad[2].low), (quad[1].low, quad[3].low))
    return any(opposite(*pair) or exclusive(*pair) for pair in pairs)


def _turned(found: Alignment, clause: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether words of both clauses stand in another order: "A is older than B", "B is younger than A"."""
    order = [found.source[n].key for n in other]
    shared = [order.index(found.statement[n].key) for n in clause if found.statement[n].key in order]
    return shared != sorted(shared)


@dataclass(frozen=True)
class _Clauses:
    """The content words of a text by clause."""

    tokens: tuple[Token, ...]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Return the positions of the content words of each clause; a phrase before a comma goes with what follows."""
        found: list[list[int]] = []
        for first, last in _sentences(self.tokens):
            paired = _paired(self.tokens, first, last)
            found.extend(paired or self._clauses(first, last))
        return found

    def _clauses(self, first: int, last: int) -> Iterator[list[int]]:
        group: list[int] = []
        begins = first
        for n in range(first, last + 1):
            if n < last and self.tokens[n].low not in _BREAKS:
                if self.tokens[n].content:
                    group.append(n)
                continue
            comma = n < last and self.tokens[n].low == "," and len(group) == 1
            # "In 2010, Anna led", and "the second, the offices" behind a clause.
            gapped = begins > first and self.tokens[begins - 1].low in _CLAUSE_ENDS
            if not (comma and (gapped or self.tokens[begins].low in PREPOSITIONS)):
                yield group
                group = []
            begins = n + 1
        yield group

    @cached_property
    def where(self) -> dict[str, set[int]]:
        """Return in which clauses each word stands; a clause without a subject has that of the one before."""
        found: dict[str, set[int]] = {}
        subject: Token | None = None
        for number, group in enumerate(self.groups):
            keys = {self.tokens[n].key for n in group}
            if group:
                begins = self.tokens[group[0]]
                if subject is not None and begins.kind is Kind.WORD:
                    keys.add(subject.key)
                else:
                    subject = begins if self._is_name(group[0]) else None
            for key in keys:
                found.setdefault(key, set()).add(number)
        return found

    def alike(self, *places: int, plain: bool) -> bool:
        """Return whether two pairs of details are four different ones of the same two sorts; plain words if allowed."""
        a, b, c, d = (self._sorts(n) - (set() if plain else {"word"}) for n in places)
        return bool(a & c and b & d) and len({self.tokens[n].key for n in places}) == 4

    def _sorts(self, position: int) -> set[str]:
        """Return the sorts that a word may be of; the first of a sentence is a name or none."""
        token = self.tokens[position]
        if token.kind is Kind.NAME and not self._is_name(position):
            return {"name", "word"}
        sort = sort_of(token) or "word"
        if token.low in places():  # "first" is a number, and beside "last" a word
            return {sort, *(f"class {number}" for number, _ in places()[token.low]), "word"}
        return {"year", "number"} if sort == "year" else {sort}

    def _is_name(self, position: int) -> bool:
        """Return whether a word is a name, and no other word that begins its sentence."""
        token = self.tokens[position]
        begins = not position or self.tokens[position - 1].low in _ENDS | ARTICLES
        return token.kind is Kind.NAME and not (begins and is_word(token.low))

    def together(self, one: Token, other: Token) -> bool:
        """Return whether a clause has both words."""
        return not self.where.get(one.key, set()).isdisjoint(self.where.get(other.key, ()))

    def crossed(self, quad: Sequence[Token]) -> Place | None:
        """Return two clauses of which one has a beside d and the other c beside b, in the same order."""
        a, b, c, d = (token.key for token in quad)
        pairs = itertools.product(self._ordered(a, d), self._ordered(c, b))
        return next(((i, j) for (i, up), (j, too) in pairs if i != j and up == too), None)

    def _ordered(self, one: str, other: str) -> list[tuple[int, bool]]:
        """Return the clauses that have two words, and whether they stand there in this order."""
        found = []
        for n, group in enumerate(self.groups):
            order = [self.tokens[m].key for m in group]
            if one in order and other in order:
                found.append((n, order.index(one) < order.index(other)))
        return found

    def place(self, number: int) -> Place:
        """Return the first and last word of a clause."""
        return min(self.groups[number]), max(self.groups[number])


def _joined(tokens: Sequence[Token]) -> set[frozenset[str]]:
    """Return the pairs of neighbours that a conjunction joins, but for the lists of a sentence with "respectively"."""
    found: set[frozenset[str]] = set()
    for first, last in _sentences(tokens):
        if not _paired(tokens, first, last):
            inner = range(first + 1, last - 1)
            found.update(_neighbours(tokens, n) for n in inner if tokens[n].low in {"and", "or"})
    return found


def _neighbours(tokens: Sequence[Token], place: int) -> frozenset[str]:
    behind = place + 1
    while behind < len(tokens) - 1 and tokens[behind].low in ARTICLES:
        behind += 1
    return frozenset({tokens[place - 1].key, tokens[behind].key})


def _sentences(tokens: Sequence[Token]) -> Iterator[Place]:
    start = 0
    for n, token in enumerate(tokens):
        if token.low in _ENDS:
            yield start, n
            start = n + 1
    yield start, len(tokens)


def _paired(tokens: Sequence[Token], first: int, last: int) -> list[list[int]]:
    """Return the first things of the two lists of a sentence that says "respectively", their second ones, and so on."""
    if not any(token.low in {"respectively", "respective"} for token in tokens[first:last]):
        return []
    lists = [_list(tokens, first, n, last) for n in range(first, last) if tokens[n].low == "and"]
    for one, other in reversed(list(itertools.combinations(lists, 2))):
        if len(one) == len(other) > 1:
            return [sorted({*a, *b}) for a, b in zip(one, other, strict=True)]
    return []


def _list(tokens: Sequence[Token], first: int, place: int, last: int) -> list[list[int]]:
    """Return the things that an `and` at `place` joins, as the positions of their words."""
    things = [_thing(tokens, place, last, 1)]
    end = place
    while end > first:
        thing = _thing(tokens, end, first - 1, -1)
        things.insert(0, thing)
        end = min(thing, default=first)
        while end - 1 >= first and tokens[end - 1].low in ARTICLES:
            end -= 1
        end -= 1
        if end < first or tokens[end].low != ",":
            break
    return things if all(things) else []


def _thing(tokens: Sequence[Token], place: int, limit: int, step: int) -> list[int]:
    """Return the nearest content word on one side of a place, with its neighbours of the same kind."""
    n = place + step
    while n != limit and tokens[n].low in _SKIPPED:
        n += step
    if step < 0 and n != limit and tokens[n].low == ")":  # "Smith (2010) and Jones (2012)"
        n = next((m for m in range(n, limit, step) if tokens[m].low == "("), limit + 1) - 1
    if step < 0 and n - 1 > limit and tokens[n].low in units() and tokens[n - 1].kind is Kind.NUMBER:
        n -= 1
    found: list[int] = []
    while n != limit and tokens[n].content and (not found or tokens[n].kind is tokens[found[-1]].kind):
        if found and tokens[n].kind is Kind.WORD and len(found) == 2:
            break
        found.append(n)
        n += step
    return sorted(found)


def parallel(found: Alignment, i: int, j: int) -> bool:
    """Return whether two words of the statement stand in two clauses, in both texts, each with a partner of its own.

    Then it is the order of the clauses that differs: "Adults pay 8 euros, children 5", "Children pay 5, adults 8".
    """
    here, there = _Clauses(found.statement), _Clauses(found.source)
    own = [next((group for group in here.groups if n in group), []) for n in (i, j)]
    if own[0] is own[1] or there.together(found.statement[i], found.statement[j]):
        return False
    keys = [{found.statement[n].key for n in group} for group in own]
    shared = keys[0] & keys[1]
    return all(
        any(
            found.statement[n].key not in shared and there.together(found.statement[n], found.statement[word])
            for n in group
            if n != word and found.statement[n].kind is Kind.NUMBER
        )
        for word, group in zip((i, j), own, strict=True)
    )
