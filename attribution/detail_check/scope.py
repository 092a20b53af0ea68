"""Words that change how far a sentence holds: negation, quantifiers, `only`, modal verbs, hedges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .alignment import Alignment
from .differences import Difference
from .findings import FindingKind
from .lexicon import ALL, CONDITIONS, EXCEPTIONS, HEDGES, MODALS, NEGATORS, ONLY, QUANTIFIERS, calendar
from .tokens import NO, YES, Kind, Token

_ENDS = frozenset({"but", "and", "because", "that", "which", "who"})
_NOT_DENYING = frozenset({"only", "necessarily", "just"})


def denied_in_one(found: Alignment) -> Difference | None:
    """Return an aligned word that one text denies and the other does nowhere, if their negations differ in number."""
    statement, source = found.statement, found.source
    if found.coverage < 0.65 or not found.back:
        return None
    last = max(found.back)
    marked = [n for n in range(last + 1, min(last + 3, len(source))) if source[n].low == NO]
    span = source[max(0, min(found.back) - 2) : max([last, *marked]) + 1]
    if sum(t.low in NEGATORS for t in statement) == sum(t.low in NEGATORS for t in span):
        return None
    for here in found.order:
        token = statement[here]
        if token.kind is not Kind.WORD or token.low in NEGATORS or not _in_company(found, here):
            continue
        if _denied(statement, here) not in {_denied(source, n) for n, t in enumerate(source) if t.key == token.key}:
            return Difference(FindingKind.NEGATION, (here, here), (found.pairs[here], found.pairs[here]))
    return None


def denied_alone(found: Alignment) -> Difference | None:
    """Return a word of a statement that says word for word what its source says, but for one negation."""
    here, there = (list(_without_answer(tokens)) for tokens in (found.statement, found.source))
    n_here, n_there = (sum(token.low in NEGATORS for token in tokens) for tokens in (here, there))
    keys = [[token.key for token in tokens if token.low not in NEGATORS] for tokens in (here, there)]
    if not keys[0] or keys[0] != keys[1] or (n_here - n_there) % 2 == 0:
        return None
    position = next(n for n in found.order if found.statement[n].kind is not Kind.PUNCTUATION)
    return Difference(FindingKind.NEGATION, (position, position), (found.pairs[position], found.pairs[position]))


def _without_answer(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the words of a text without a "No," that answers somebody."""
    for n, token in enumerate(tokens):
        answers = token.low == "no" and [each.kind for each in tokens[n + 1 : n + 2]] == [Kind.PUNCTUATION]
        if token.kind is not Kind.PUNCTUATION and not answers:
            yield token


def denied_other(found: Alignment) -> Difference | None:
    """Return a denied word that the source affirms while it denies another of the statement: "Paris, not Lyon"."""
    here, there = _denied_words(found.statement), _denied_words(found.source)
    ours, theirs = ({token.key for _, token in some} for some in (here, there))
    affirmed = {token.key for token in found.statement} - ours, {token.key for token in found.source} - theirs
    if ours and theirs and theirs <= affirmed[0] and ours <= affirmed[1]:
        first, other = here[0][0], there[0][0]
        return Difference(FindingKind.EXCHANGE, (first, first), (other, other))
    return None


def _denied_words(tokens: Sequence[Token]) -> list[tuple[int, Token]]:
    """Return the word behind each `not` with its position: "not Lyon but Paris", "Paris, not Lyon"."""
    found = []
    for n, token in enumerate(tokens[:-1]):
        following = next((m for m in range(n + 1, min(n + 4, len(tokens))) if tokens[m].content), None)
        if token.low == "not" and following is not None and tokens[following].low not in _NOT_DENYING:
            found.append((following, tokens[following]))
    return found


def denies_either(found: Alignment, here: int, there: int) -> bool:
    """Return whether one of two words, in the statement and in the source, is denied and the other is not."""
    return _denied(found.statement, here) != _denied(found.source, there)


def _in_company(found: Alignment, here: int) -> bool:
    """Return whether a content word near this one is aligned near its place as well."""
    return any(
        n != here and found.statement[n].content and abs(found.pairs[n] - found.pairs[here]) <= 6
        for n in range(here - 4, here + 5)
        if n in found.pairs
    )


def _denied(tokens: Sequence[Token], position: int) -> bool:
    """Return whether a word is denied: by a negator before it in its clause, or by a mark behind the clause."""
    for token in tokens[position + 1 : position + 9]:
        if token.low in {YES, NO, ".", ";"}:
            if token.low == NO:
                return True
            break
    seen = 0
    for n in range(position - 1, max(-1, position - 6), -1):
        token = tokens[n]
        if token.low in NEGATORS:
            following = tokens[min(n + 1, len(tokens) - 1)].low
            if not (token.low == "not" and following in _NOT_DENYING):
                return True
        if token.kind is Kind.PUNCTUATION or token.low in _ENDS:
            return False
        seen += token.content and token.low not in QUANTIFIERS
        if seen > 1:
            return False
    return False


def quantified(found: Alignment, *, negated: bool) -> Iterator[Difference]:
    """Yield quantifiers that claim more than the source's, or something for nothing.

    Args:
        found: The alignment.
        negated: Whether a negation was found already, which a quantifier may be the other half of.
    """
    source = found.source
    theirs = [n for n in found.free if source[n].low in QUANTIFIERS]
    restricted = [n for n in found.free if source[n].low in ONLY]
    for here, token in enumerate(found.statement):
        if token.low not in QUANTIFIERS or here in found.pairs:
            continue
        rank, gap = QUANTIFIERS[token.low], found.gap(here)
        other = next((n for n in theirs if n in gap), theirs[0] if theirs else None)
        if other is not None:
            there = QUANTIFIERS[source[other].low]
            if there != rank and (rank > there or 0 in {rank, there}) and not negated:
                yield Difference(FindingKind.QUANTIFIER, (here, here), (other, other))
        elif rank == ALL and token.low != "both":
            partial = [n for n in gap if source[n].kind is Kind.NUMBER or source[n].low in {"a", "part"}]
            if restricted or partial:
                place = (restricted or partial)[0]
                yield Difference(FindingKind.QUANTIFIER, (here, here), (place, place))


def restricted(found: Alignment) -> Difference | None:
    """Return an `only` that the source has not."""
    if found.coverage < 0.6 or any(token.low in ONLY | EXCEPTIONS for token in found.source):
        return None
    for here, token in enumerate(found.statement):
        if token.low in ONLY and here not in found.pairs:
            following = found.statement[here + 1 : here + 2]
            if not following or following[0].kind is not Kind.NUMBER:  # "only 3" is a judgement, no claim
                return Difference(FindingKind.ONLY, (here, here))
    return None


def of_another(found: Alignment) -> tuple[Token, Token, Token] | None:
    """Return the first name of a statement `topic: clause`, and another name, of which the source says the clause.

    The sentence with most of the clause's words stands in the source before any name of the topic does, and behind
    another name: "The tower of Venn: admission is free." beside "Luce Museum. Admission is free. It is near the tower
    of Venn." The other name is given as its first and last word.
    """
    colon = next((n for n, token in enumerate(found.statement) if token.low == ":"), 0)
    names = [token for token in found.statement[:colon] if token.kind is Kind.NAME and token.low not in calendar()]
    rest = {token.key for token in found.statement if token.kind is Kind.WORD}
    if not names or len(rest) < 2 or not all(token.key in found.known for token in names):
        return None
    shared = [len(rest & {token.key for token in sentence}) for sentence in found.sentences]
    best = shared.index(max(shared))
    before = [token for sentence in found.sentences[: best + 1] for token in sentence]
    if shared[best] < 2 or {token.key for token in names} & {
        word for token in before for word in (token.key, token.low)
    }:
        return None
    run: list[Token] = []
    for token in before:
        if token.kind is Kind.NAME and token.low not in calendar():
            run.append(token)
        elif run:
            return names[0], run[0], run[-1]
    return None


def modal(found: Alignment) -> Iterator[Difference]:
    """Yield modal verbs of another strength than the source's, and verbs that lost their `may`."""
    statement, source = found.statement, found.source
    for here, token in enumerate(statement):
        if token.low in MODALS and here not in found.pairs:
            there = next((n for n in found.gap(here) if source[n].low in MODALS), None)
            if there is None or MODALS[source[there].low] == MODALS[token.low]:
                continue
            if {token.low, source[there].low} != {"would", "could"}:
                yield Difference(FindingKind.MODAL, (here, here), (there, there))
    hedged = any(
        (t.low in HEDGES or t.low in MODALS or t.low in CONDITIONS) and t.kind is not Kind.NAME for t in statement
    )
    if hedged or found.coverage < 0.6:
        return
    for n in found.free:
        if source[n].low in HEDGES:
            behind = [
                found.back[m]
                for m in range(n + 1, min(n + 4, len(source)))
                if m in found.back and source[m].kind is Kind.WORD
            ]
            if behind:
                yield Difference(FindingKind.HEDGE, (behind[0], behind[0]), (n, n))
                return
