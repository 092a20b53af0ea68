"""Verdicts moved from the answer with markers to the answer without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from counterfoil.attribution import StatementVerdict


def placed(text: str, verdicts: Iterable[StatementVerdict]) -> tuple[StatementVerdict, ...]:
    """The verdicts with the offsets that their texts have in `text`, so that `text[start:end]` is the verdict's text.

    Args:
        text: The answer without markers.
        verdicts: Verdicts on its sentences, in order.

    Raises:
        ValueError: A verdict is of a sentence that does not stand in `text` behind the ones before it.
    """
    found = []
    position = 0
    for verdict in verdicts:
        start = text.find(verdict.text, position)
        if start < 0:
            raise ValueError(f"`verdicts` have to be of sentences of the answer, but one is of {verdict.text!r}")
        position = start + len(verdict.text)
        found.append(replace(verdict, start=start, end=position))
    return tuple(found)
