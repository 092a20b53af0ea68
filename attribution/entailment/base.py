"""The question every entailment model answers: does the premise support the hypothesis, and how surely?

Scoring, citing and localisation know only this protocol. A model gets *all* pairs of a wave at once and owns batching,
windows and devices; the caller owns what the answers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable


class Pair(NamedTuple):
    """`premise` is source text, `hypothesis` is the statement to be supported by it."""

    premise: str
    hypothesis: str


@dataclass(frozen=True)
class Judgement:
    """What a model says of one pair.

    Args:
        supported: Probability in [0, 1] that the premise supports the hypothesis; `None` where the model failed.
        contradicted: Probability that it contradicts it, where the model tells that from silence, else `None`.
        chunk: Half-open range of the premise that `supported` was read from, where the premise was longer than the
            model's window and had to be cut; `None` for the whole premise.
        failure: Why there is no verdict. An instrument that failed is not a verdict of "not supported".
        reason: The model's own words, where it gives any.
        partial: Probability that it supports a part of the hypothesis only, where the model tells that apart.
        decided: The model's own verdict, where it gives one that is more than a comparison with the threshold (the
            decoded label of a text-to-text model); ALCE counts this one.
    """

    supported: float | None
    contradicted: float | None = None
    chunk: tuple[int, int] | None = None
    failure: str | None = None
    reason: str | None = None
    partial: float | None = None
    decided: bool | None = None

    def __post_init__(self) -> None:
        if (self.supported is None) == (self.failure is None):
            raise ValueError("a judgement has to hold either a probability or a failure")
        for name in ("supported", "contradicted", "partial"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"`{name}` has to be in [0, 1], but is {value}")


@runtime_checkable
class EntailmentModel(Protocol):
    """Anything that judges pairs.

    Attributes:
        name: Identifies model and revision; part of every cache key and of every report.
        threshold: A pair counts as supported where `supported >= threshold`.
    """

    name: str
    threshold: float

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """One judgement a pair, in order. Does not raise for a bad pair: that pair's judgement says why."""
        ...
