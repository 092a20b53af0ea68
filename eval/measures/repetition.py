"""How much texts repeat themselves: rep-n and diversity, as in the papers on contrastive search.

    rep-n     = 100 * (1 - sum over texts of |unique n-grams| / sum over texts of |n-grams|)        n = 2, 3, 4
    diversity = 100 * product over n of (1 - rep-n / 100)

Su et al. 2022, arXiv 2202.06417, section 4.1.2. Words are what whitespace separates; unique n-grams are counted within
each text, and the counts are summed over all of them (a micro average).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ORDERS = (2, 3, 4)
Counts = Sequence[Sequence[int]]
"""For each of :data:`ORDERS` how many different n-grams a text has, and how many."""


def n_gram_counts(words: Sequence[str], n: int, *, simctg_compatible: bool = False) -> tuple[int, int]:
    """Return how many different n-grams a text has, and how many.

    Args:
        words: The text's words.
        n: How long, at least 1.
        simctg_compatible: Leave out the last n-gram, as the reference code of Su et al. does.
    """
    last = len(words) - n + (0 if simctg_compatible else 1)
    grams = [tuple(words[start : start + n]) for start in range(max(last, 0))]
    return len(set(grams)), len(grams)


def counts_by_order(words: Sequence[str], *, simctg_compatible: bool = False) -> list[tuple[int, int]]:
    """Return :func:`n_gram_counts` for each of :data:`ORDERS`."""
    return [n_gram_counts(words, n, simctg_compatible=simctg_compatible) for n in ORDERS]


def rep(counts: Sequence[Counts], n: int, *, rounded: bool = False) -> Callable[[Floats], Floats]:
    """Return rep-n of texts in percent as a function of weights `[resamples, texts]`; NaN if no text has an n-gram.

    Args:
        counts: Of each text, see :func:`counts_by_order`.
        n: One of :data:`ORDERS`.
        rounded: Round to two decimals, as the reference code does before it multiplies.
    """
    import numpy as np  # noqa: PLC0415 (tasks are listed without it)

    unique, total = np.array([of_text[ORDERS.index(n)] for of_text in counts], dtype=np.float64).T

    def weighted(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            value = 100 * (1 - (weights @ unique) / (weights @ total))
        return np.round(value, 2) if rounded else value

    return weighted


def diversity(counts: Sequence[Counts], *, rounded: bool = False) -> Callable[[Floats], Floats]:
    """Return the diversity of texts in percent as a function of weights; NaN if rep-n is not defined for one n."""
    import numpy as np  # noqa: PLC0415

    rates = [rep(counts, n, rounded=rounded) for n in ORDERS]
    return lambda weights: 100 * np.prod([1 - rate(weights) / 100 for rate in rates], axis=0)
