"""Which words of a statement stand in its best source sentence, and which words of the source are left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache

from ..text.segmentation import sentences
from .lexicon import exclusive
from .tokens import Kind, Token, tokens

_DIRECTIONS = frozenset({"more", "less", "fewer", "higher", "lower"})


@dataclass(frozen=True)
class Alignment:
    """A statement beside the sentence, or the two sentences, of a premise that share most words with it.

    Args:
        statement: Its tokens.
        source: Those of the sentences.
        sentences: Those of each sentence of the premise.
        pairs: Position in `source` of each position in `statement` that has an equal word there.
    """

    statement: tuple[Token, ...]
    source: tuple[Token, ...]
    sentences: tuple[tuple[Token, ...], ...]
    pairs: dict[int, int]

    @cached_property
    def premise(self) -> tuple[Token, ...]:
        """Return the tokens of the whole premise."""
        return tuple(token for sentence in self.sentences for token in sentence)

    @cached_property
    def back(self) -> dict[int, int]:
        """Return the position in `statement` of each aligned position in `source`."""
        return {there: here for here, there in self.pairs.items()}

    @cached_property
    def order(self) -> list[int]:
        """Return the aligned positions of `statement`, in order."""
        return sorted(self.pairs)

    @cached_property
    def coverage(self) -> float:
        """Return the share of the statement's content words that are aligned, in [0, 1]."""
        content = [n for n, token in enumerate(self.statement) if token.content]
        return sum(n in self.pairs for n in content) / max(len(content), 1)

    @cached_property
    def free(self) -> list[int]:
        """Return the positions of the words of `source` that no word of the statement is aligned with."""
        return [n for n, token in enumerate(self.source) if n not in self.back and token.kind is not Kind.PUNCTUATION]

    @cached_property
    def known(self) -> set[str]:
        """Return the keys and words of the whole premise."""
        return {word for token in self.premise for word in (token.key, token.low)}

    def gap(self, position: int) -> list[int]:
        """Return the free words of `source` that stand where the statement has its word at `position`."""
        first = next((self.pairs[n] for n in reversed(self.order) if n < position), -1)
        last = next((self.pairs[n] for n in self.order if n > position), len(self.source))
        if first < last <= first + 9:
            near: Sequence[int] = range(first + 1, last)
        else:
            near = [*range(first + 1, first + 5), *range(last - 4, last)]
        free = set(self.free)
        return [n for n in near if n in free]

    def beside(self, position: int, there: int) -> bool:
        """Return whether a free word of `source` stands in the gap, or within four words of an aligned neighbour."""
        if there in self.gap(position):
            return True
        return any(
            abs(self.pairs[n] - there) <= 4 and (self.statement[n].content or abs(n - position) == 1)
            for n in range(position - 3, position + 4)
            if n in self.pairs
        )


def aligned(premise: str, hypothesis: str) -> Alignment:
    """Return the alignment of a statement with the sentences of its premise that share most words with it."""
    here = tokens(hypothesis)
    there = _window(here, premise)
    pairs = _pairs(here, there)
    for position in sorted(pairs):
        for step in (1, -1):
            if position in pairs and _borrowed(here, there, pairs, position, step):
                # "slept more" has no claim on a "more" elsewhere where the source has "slept less".
                del pairs[position]
    return Alignment(here, there, _sentences(premise), pairs)


def _pairs(here: Sequence[Token], there: Sequence[Token]) -> dict[int, int]:
    """Match equal words one to one: runs in order first, then whatever is left, which a passive moves."""
    pairs: dict[int, int] = {}
    matcher = SequenceMatcher(None, [t.key for t in here], [t.key for t in there], autojunk=False)
    for first, second, size in matcher.get_matching_blocks():
        pairs.update({first + n: second + n for n in range(size)})
    taken = set(pairs.values())
    left: dict[str, list[int]] = {}
    for n, token in enumerate(there):
        if n not in taken and token.kind is not Kind.PUNCTUATION:
            left.setdefault(token.key, []).append(n)
    for n, token in enumerate(here):
        if n not in pairs and left.get(token.key):
            near = pairs.get(n - 1, pairs.get(n + 1, n))
            chosen = min(left[token.key], key=lambda place: abs(place - near))
            left[token.key].remove(chosen)
            pairs[n] = chosen
    return pairs


def _borrowed(here: Sequence[Token], there: Sequence[Token], pairs: dict[int, int], position: int, step: int) -> bool:
    place = pairs.get(position - step, -9) + step
    return (
        place != pairs[position]
        and 0 <= place < len(there)
        and place not in pairs.values()
        and here[position].low in _DIRECTIONS
        and exclusive(here[position].low, there[place].low)
    )


def _window(here: Sequence[Token], premise: str) -> tuple[Token, ...]:
    """Return the sentence that covers most of the statement, with a second one if that adds two words or more."""
    wanted = {token.key for token in here if token.content}
    parts = _sentences(premise)
    if len(parts) < 2:
        return parts[0] if parts else ()
    cover = [wanted & {token.key for token in part} for part in parts]
    best = max(range(len(parts)), key=lambda n: (len(cover[n]), -len(parts[n])))
    second = max((n for n in range(len(parts)) if n != best), key=lambda n: len(cover[n] - cover[best]))
    taken = sorted({best, second} if len(cover[second] - cover[best]) >= 2 else {best})
    return tuple(token for n in taken for token in parts[n])


@lru_cache(512)
def _sentences(premise: str) -> tuple[tuple[Token, ...], ...]:
    """Return the tokens of each sentence, with their places in the premise."""
    found = []
    for sentence in sentences(premise):
        moved = tuple(
            Token(t.low, t.key, t.kind, t.start + sentence.start, t.end + sentence.start) for t in tokens(sentence.text)
        )
        if moved:
            found.append(moved)
    return tuple(found)
