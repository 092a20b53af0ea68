"""The check itself: details that a statement gives otherwise than the sentence of its source that it runs alongside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from .alignment import Alignment, aligned
from .differences import LEAST_COVERAGE, Difference, counted, exchanged_scores, replaced
from .exchange import exchanged, parallel
from .findings import Finding, FindingKind
from .numbers import same_quantity
from .roles import misbound, swapped, turned_voice
from .scope import denied_alone, denied_in_one, denied_other, denies_either, modal, of_another, quantified, restricted
from .tokens import Token

VERSION = 3
"""Changes whenever the findings or their weights do: a part of the name of every judge that the check stands beside."""

ROLE_COVERAGE = 0.85
"""Share of the statement's words that must stand in the source before who did what to whom is compared."""

EXCHANGE_COVERAGE = 0.6
"""Share of them that must stand there before partners are compared."""

TURNING = frozenset({FindingKind.OPPOSITE, FindingKind.UNIT})


@lru_cache(8192)
def check_details(premise: str, hypothesis: str) -> tuple[Finding, ...]:
    """Return the details of a statement that its source gives otherwise.

    The statement is aligned with the sentence of the premise that shares most words with it (and a second one if that
    adds two words or more). If at least :data:`~counterfoil.attribution.detail_check.differences.LEAST_COVERAGE` of its
    words stand there, those that do not are compared with what stands in their place. English.

    Args:
        premise: The source.
        hypothesis: The statement.

    Returns:
        Findings with places in both texts; none where the two do not run alongside.
    """
    found = aligned(premise, hypothesis)
    n_content = sum(token.content for token in found.statement)
    if not found.source or found.coverage < LEAST_COVERAGE:
        return ()
    if n_content < 2:
        alone = denied_alone(found)
        return (_finding(alone, premise, hypothesis, found),) if alone else ()
    differences = {(each.here, each.there): each for each in _differences((premise, hypothesis), found)}
    findings = [_finding(each, premise, hypothesis, found) for each in differences.values()]
    if (other := of_another(found)) is not None:
        name, first, last = other
        here, there = (name.start, name.end), (first.start, last.end)
        findings.append(Finding.between(FindingKind.TOPIC, hypothesis, here, premise, there))
    return tuple(findings)


def _differences(texts: tuple[str, str], found: Alignment) -> Iterator[Difference]:
    words = replaced(texts, found)
    differences = _without_conversions(found, words.differences)
    kept = [each for each in differences if not _turned_twice(found, each)]
    negation = denied_in_one(found) if len(kept) == len(differences) else None
    differences = kept
    if negation is not None and words.n_opposites:
        differences = [each for each in differences if each.kind not in TURNING]
    elif negation is not None:
        differences.append(negation)
    differences += quantified(found, negated=negation is not None)
    if (only := restricted(found)) is not None:
        differences.append(only)
    differences += modal(found)
    differences += [*counted(found), *exchanged_scores(found)]
    if found.coverage >= ROLE_COVERAGE and (other := denied_other(found)) is not None:
        differences.append(other)
    if found.coverage >= EXCHANGE_COVERAGE and (partners := exchanged(found)) is not None:
        differences.append(Difference(FindingKind.EXCHANGE, *partners))
    if found.coverage >= ROLE_COVERAGE:
        differences = _with_roles(found, differences, converse=words.converse)
    yield from differences


def _turned_twice(found: Alignment, each: Difference) -> bool:
    """Return whether two turns cancel: "not safe" and "unsafe"."""
    return each.kind in TURNING and each.there is not None and denies_either(found, each.here[0], each.there[0])


def _without_conversions(found: Alignment, differences: list[Difference]) -> list[Difference]:
    """Leave out numbers and units that make one quantity with each other: `3.5 km` and `3500 m`."""
    numbers = {each.here[0]: each.there[0] for each in differences if each.there and each.kind is FindingKind.NUMBER}
    units = {each.here[0]: each.there[0] for each in differences if each.there and each.kind is FindingKind.UNIT}
    same = {
        here
        for here, there in [*numbers.items(), *((i - 1, j - 1) for i, j in units.items())]
        if (one := _quantity(found.statement, here))
        and (other := _quantity(found.source, there))
        and same_quantity(one, other)
    }
    return [
        each
        for each in differences
        if not (
            (each.kind is FindingKind.NUMBER and each.here[0] in same)
            or (each.kind is FindingKind.UNIT and each.here[0] - 1 in same)
        )
    ]


def _quantity(tokens: Sequence[Token], position: int) -> tuple[float, str] | None:
    """Return the value at a position and the unit behind it; `None` if there is no such thing."""
    if not 0 <= position < len(tokens) - 1 or not tokens[position].key.startswith("#"):
        return None
    return float(tokens[position].key[1:]), tokens[position + 1].low


def _with_roles(found: Alignment, differences: list[Difference], *, converse: bool) -> list[Difference]:
    other_way = None if converse else swapped(found)
    if other_way and parallel(found, *other_way[0]):
        other_way = None
    turned = None if converse or other_way else turned_voice(found)
    flips = [each for each in differences if each.kind in TURNING]
    if (other_way or turned) and len(flips) == 1:
        # "A is lighter than B" and "B is heavier than A".
        return [each for each in differences if each is not flips[0]]
    if other_way:
        return [*differences, Difference(FindingKind.ROLES, *other_way)]
    if turned:
        return [*differences, Difference(FindingKind.VOICE, *turned)]
    bound = misbound(found)
    return [*differences, Difference(FindingKind.BINDING, *bound)] if bound else differences


def _finding(difference: Difference, premise: str, hypothesis: str, found: Alignment) -> Finding:
    first, last = difference.here
    here = (found.statement[first].start, found.statement[last].end)
    there = None
    if difference.there is not None:
        one, other = difference.there
        there = (found.source[one].start, found.source[other].end)
    return Finding.between(difference.kind, hypothesis, here, premise, there)
