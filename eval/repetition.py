"""How much texts repeat themselves: rep-n and diversity, as in the papers on contrastive search.

    rep-n     = 100 * (1 - sum over texts of |unique n-grams| / sum over texts of |n-grams|)        n = 2, 3, 4
    diversity = 100 * product over n of (1 - rep-n / 100)

Su et al. 2022, arXiv 2202.06417, section 4.1.2. Words are what whitespace separates; unique n-grams are counted within
each text, and the counts are summed over all of them (a micro average).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .statistics import Interval, interval

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
    counts = [[n_gram_counts(text, n, simctg_compatible=simctg_compatible) for n in ORDERS] for text in words]
    rep = {n: _rep([text[i] for text in counts], simctg_compatible) for i, n in enumerate(ORDERS)}
    diversity = _diversity(rep.values())

    def resampled(chosen: Sequence[float]) -> float:
        drawn = [counts[int(text)] for text in chosen]
        found = (_rep([text[i] for text in drawn], simctg_compatible) for i in range(len(ORDERS)))
        # The rare draw of nothing but texts without n-grams has no repetition.
        return _diversity(value or 0.0 for value in found) or 0.0

    found = None if diversity is None else interval(resampled, range(len(texts)), seed=seed)
    return Repetition(rep, diversity, found, sum(map(len, words)) / len(words))


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


def _rep(counts: Sequence[tuple[int, int]], rounded: bool) -> float | None:
    unique, total = sum(count[0] for count in counts), sum(count[1] for count in counts)
    if total == 0:
        return None
    value = 100 * (1 - unique / total)
    return round(value, 2) if rounded else value


def _diversity(rep: Iterable[float | None]) -> float | None:
    diversity = 100.0
    for value in rep:
        if value is None:
            return None
        diversity *= 1 - value / 100
    return diversity
