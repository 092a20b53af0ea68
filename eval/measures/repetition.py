"""How much texts repeat themselves: rep-n and diversity, as in the papers on contrastive search.

    rep-n     = 100 * (1 - sum over texts of |unique n-grams| / sum over texts of |n-grams|)        n = 2, 3, 4
    diversity = 100 * product over n of (1 - rep-n / 100)

Su et al. 2022, arXiv 2202.06417, section 4.1.2. Words are what whitespace separates; unique n-grams are counted within
each text, and the counts are summed over all of them (a micro average).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..statistics import Interval, interval

ORDERS = (2, 3, 4)


@dataclass(frozen=True)
class Repetition:
    """Repetition of a set of texts, all in percent.

    Args:
        rep: rep-2, rep-3 and rep-4, by n; `None` where no text has so many words.
        diversity: Their product, `None` where one of them is.
        diversity_interval: Percentile bootstrap over texts.
        words: Mean number of words of a text (not in percent).
    """

    rep: dict[int, float | None]
    diversity: float | None
    diversity_interval: Interval | None
    words: float


def repetition(texts: Sequence[str], *, simctg_compatible: bool = False, seed: int = 0) -> Repetition:
    """Measures what repeats in generated texts.

    Args:
        texts: The continuations, without their prompts.
        simctg_compatible: Count as the reference code of Su et al. does, for comparison with published figures: it
            stops one n-gram short of the end of every text, and rounds each rep-n to two decimals before the product.
        seed: Of the bootstrap of the diversity.

    Raises:
        ValueError: There are no texts.
    """
    if not texts:
        raise ValueError("`texts` has to hold at least one text, but is empty")
    words = [text.split() for text in texts]
    counts = [counts_by_order(text, simctg_compatible=simctg_compatible) for text in words]
    rep = rep_by_order(counts, rounded=simctg_compatible)

    def resampled(chosen: Sequence[float]) -> float:
        drawn = rep_by_order([counts[int(text)] for text in chosen], rounded=simctg_compatible)
        # The rare draw of nothing but texts without n-grams has no repetition.
        return diversity({n: value or 0.0 for n, value in drawn.items()}) or 0.0

    value = diversity(rep)
    found = None if value is None else interval(resampled, range(len(texts)), seed=seed)
    return Repetition(rep, value, found, sum(map(len, words)) / len(words))


def counts_by_order(words: Sequence[str], *, simctg_compatible: bool = False) -> list[tuple[int, int]]:
    """:func:`n_gram_counts` for each of :data:`ORDERS`."""
    return [n_gram_counts(words, n, simctg_compatible=simctg_compatible) for n in ORDERS]


def rep_by_order(counts: Sequence[Sequence[Sequence[int]]], *, rounded: bool = False) -> dict[int, float | None]:
    """rep-n of texts by n, in percent, from their :func:`counts_by_order`; `None` where no text has an n-gram."""
    return {n: _rep([text[i] for text in counts], rounded) for i, n in enumerate(ORDERS)}


def diversity(rep: Mapping[int, float | None]) -> float | None:
    """The product over rep-n, in percent; `None` where one of them is not defined."""
    product = 100.0
    for value in rep.values():
        if value is None:
            return None
        product *= 1 - value / 100
    return product


def n_gram_counts(words: Sequence[str], n: int, *, simctg_compatible: bool = False) -> tuple[int, int]:
    """How many different n-grams a text has, and how many.

    Args:
        words: The text's words.
        n: How long, at least 1.
        simctg_compatible: Leave out the last n-gram, as the reference code of Su et al. does.
    """
    last = len(words) - n + (0 if simctg_compatible else 1)
    grams = [tuple(words[start : start + n]) for start in range(max(last, 0))]
    return len(set(grams)), len(grams)


def _rep(counts: Sequence[Sequence[int]], rounded: bool) -> float | None:
    unique, total = sum(count[0] for count in counts), sum(count[1] for count in counts)
    if total == 0:
        return None
    value = 100 * (1 - unique / total)
    return round(value, 2) if rounded else value
