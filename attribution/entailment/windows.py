"""Cutting a premise that is longer than a model's window, at sentence ends, losing nothing.

Every model of this package uses the same rule: the hypothesis is never cut; a premise that does not fit beside it is
cut into windows; support is the largest over the windows, and so is contradiction; the window that gave the support is
remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..text.segmentation import sentences
from .base import Judgement

Range = tuple[int, int]


def windows(premise: str, budget: int, count: Callable[[str], int]) -> list[Range]:
    """Half-open ranges of `premise`, each of at most `budget` tokens, which together hold every sentence.

    A window takes as many whole sentences as fit. A sentence that alone is too long is cut between words, a word that
    alone is too long between characters.

    Args:
        premise: The text to cut; `[(0, len(premise))]` is returned where it fits.
        budget: Tokens one window may have, at least 1.
        count: How many tokens a text has, without special tokens.

    Raises:
        ValueError: Where the budget is below one token, which means that the hypothesis alone fills the model's window.
    """
    if budget < 1:
        raise ValueError(
            f"`budget` has to be at least 1 token, but is {budget}: the hypothesis leaves no room for a premise"
        )
    if count(premise) <= budget:
        return [(0, len(premise))]
    pieces = [
        piece
        for sentence in sentences(premise)
        for piece in _fitting(premise, sentence.start, sentence.end, budget, count)
    ]
    return list(_filled(premise, pieces, budget, count))


def best(chunks: Sequence[Range], judgements: Sequence[Judgement], premise: str) -> Judgement:
    """One judgement of the whole premise from those of its windows, in the same order.

    Support and contradiction are the largest over the windows. A window without a verdict makes the whole premise
    unjudged, unless another one already supports the hypothesis: nothing unread could take that back.
    """
    failed = [judgement for judgement in judgements if judgement.supported is None]
    judged = [(j.supported, n) for n, j in enumerate(judgements) if j.supported is not None]
    if failed and not any(support >= 0.5 for support, _ in judged):
        return failed[0]
    _, position = max(judged, key=lambda entry: (entry[0], -entry[1]))
    top = judgements[position]
    whole = len(chunks) == 1 and chunks[0] == (0, len(premise))
    contradictions = [j.contradicted for j in judgements if j.contradicted is not None]
    return Judgement(
        supported=top.supported,
        contradicted=max(contradictions, default=None),
        partial=max((j.partial for j in judgements if j.partial is not None), default=None),
        decided=top.decided,
        chunk=None if whole else chunks[position],
        reason=top.reason,
    )


def _fitting(text: str, start: int, end: int, budget: int, count: Callable[[str], int]) -> Iterator[Range]:
    """`[start, end)` itself where it fits, else its two halves, cut between words where there are any."""
    if end - start <= 1 or count(text[start:end]) <= budget:
        yield start, end
        return
    middle = (start + end) // 2
    space = text.rfind(" ", start + 1, middle)
    cut = space if space > start else middle
    yield from _fitting(text, start, cut, budget, count)
    yield from _fitting(text, cut, end, budget, count)


def _filled(text: str, pieces: list[Range], budget: int, count: Callable[[str], int]) -> Iterator[Range]:
    """Neighbouring pieces joined while they fit.

    The counts of the pieces are added up first, because counting every growing prefix would be quadratic; the sum is
    checked on the joined text, since a tokenizer may need more tokens for the whole than for its parts.
    """
    start = end = None
    used = 0
    for left, right in pieces:
        size = count(text[left:right])
        if start is not None and end is not None:
            if used + size <= budget and count(text[start:right]) <= budget:
                end, used = right, used + size
                continue
            yield start, end
        start, end, used = left, right, size
    if start is not None and end is not None:
        yield start, end
