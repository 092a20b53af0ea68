"""How many tokens to draft: as many as make the most tokens for the time of a forward.

A function of tokens alone. No clock decides, so that a call repeats itself bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

PRIOR = (0.05, 0.25, 0.45, 0.65, 0.8, 0.9, 0.95)
"""How often a drafted token is right behind a match of 0, 1, 2, 3 to 4, 5 to 8, 9 to 16 and more tokens."""

PRIOR_WEIGHT = 4.0
"""How many drafted tokens the prior counts as."""

MOST_TRIALS = 40.0
"""After how many drafted tokens the counts of a match length are halved."""

DRIFT = 0.01
"""By how much the counts return to the prior in each forward: else a length that missed early would never be tried."""

GAIN = 1.05
"""How many times as many tokens a draft must promise as no draft, for the same time."""

ROW_COST = {"cpu": 3 / 14, "other": 1 / 198}
"""What a row more in the matrices costs of what a forward costs without rows, by kind of device.

A constant: with two rows, a token more costs 0.3 of a forward on a CPU and 0.01 on a device whose forwards are bound by
reading the weights.
"""


class DraftLength:
    """Learns how often drafts are right, and says how long the next one is to be.

    Args:
        rows: How many rows a forward has, those of the views included.
        device_type: Of the model, as in `torch.device.type`.
        drafter_cost: What the drafter takes for a token, in forwards of the model.
        prior: As :data:`PRIOR`, or its beginning: the last entry stands for all longer matches.
    """

    def __init__(
        self, rows: int, device_type: str, *, drafter_cost: float = 0.0, prior: Sequence[float] = PRIOR
    ) -> None:
        row = ROW_COST["cpu" if device_type == "cpu" else "other"]
        row_share = row * rows / (1 + row * rows)
        self.token_cost = (row_share + drafter_cost) / (1 + drafter_cost)
        self._prior = prior
        self._hits = [chance * PRIOR_WEIGHT for chance in prior]
        self._trials = [PRIOR_WEIGHT] * len(prior)

    def best(self, matches: Sequence[int], most: int) -> int:
        """Return the number of tokens g that maximises (1 + p1 + p1 p2 + ... + p1...pg) / c(1 + g).

        `c(m) = 1 + s (m - 1)` is what a forward over m tokens a row costs in forwards over one, and p the chance that a
        token is right in all rows: a forward is due as soon as one of them misses.

        Args:
            matches: For each row that is still written, how long the match is that its draft follows.
            most: The longest draft.
        """
        best, best_rate, right, expected = 0, GAIN, 1.0, 1.0
        for length in range(1, most + 1):
            right *= math.prod(self._chance(match + length - 1) for match in matches)
            expected += right
            rate = expected / (1 + self.token_cost * length)
            if rate > best_rate:
                best, best_rate = length, rate
        self._drift()
        return best

    def learn(self, match: int, *, hit: bool) -> None:
        """Count a drafted token that followed a match of `match` tokens, those drafted before it included."""
        kind = self._kind(match)
        self._hits[kind] += hit
        self._trials[kind] += 1
        if self._trials[kind] > MOST_TRIALS:
            self._hits[kind] /= 2
            self._trials[kind] /= 2

    def _chance(self, match: int) -> float:
        kind = self._kind(match)
        return self._hits[kind] / self._trials[kind]

    def _drift(self) -> None:
        for kind, chance in enumerate(self._prior):
            self._hits[kind] += DRIFT * (chance * PRIOR_WEIGHT - self._hits[kind])
            self._trials[kind] += DRIFT * (PRIOR_WEIGHT - self._trials[kind])

    def _kind(self, match: int) -> int:
        longest_of_kind = (0, 1, 2, 4, 8, 16)[: len(self._prior) - 1]
        return next((kind for kind, longest in enumerate(longest_of_kind) if match <= longest), len(longest_of_kind))
