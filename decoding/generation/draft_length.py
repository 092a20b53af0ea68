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

CAUTION = 0.3
"""How much more a draft must promise for each forward that drafts have cost in vain.

Only if chances are told apart by the length of a match: what missed behind one length says something of the others. A
drafter that has one chance shows in it what has missed.
"""

ALLOWANCE = 0.03
"""How much of each forward drafts may cost in vain without becoming rarer."""

ROW_COST = {"cpu": 0.025, "other": 1 / 198}
"""What a row more in the matrices costs of what a forward costs without rows, by kind of device."""

FEW_ROWS = 4
"""From this number of rows on, a CPU multiplies matrices by another kernel."""

KERNEL_COST = {"cpu": 0.5, "other": 0.0}
"""What that kernel costs more, in forwards over few rows.

Kernels for one to three rows read the weights about as fast as memory gives them, or as slowly as the next one, which
then costs hardly more for each row: two rows with 0, 1, 2, 3, 5 and 10 tokens drafted took 1, 1.43, 1.48, 1.74, 2.04
and 1.85 on an Intel Xeon and 1, 0.97, 1.05, 1.1, 1.2 and 1.64 on an AMD EPYC. Devices whose forwards are bound by
reading the weights have one kernel for all of them.
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
        kind = "cpu" if device_type == "cpu" else "other"
        row_share = ROW_COST[kind] * rows / (1 + ROW_COST[kind] * rows)
        self._token_cost = (row_share + drafter_cost) / (1 + drafter_cost)
        self._kernel_cost = KERNEL_COST[kind] / (1 + drafter_cost)
        self._rows = rows
        self._prior = prior
        self._hits = [chance * PRIOR_WEIGHT for chance in prior]
        self._trials = [PRIOR_WEIGHT] * len(prior)
        self._caution = CAUTION if len(prior) > 1 else 0.0
        self._in_vain = 0.0  # what drafts have cost so far, less the forwards that they have saved
        self._unpaid = 0.0  # what the latest draft costs, until it is tried
        self._texts = 1

    def cost(self, length: int) -> float:
        """Return what a step with a draft of `length` tokens takes, in steps without one."""
        few = FEW_ROWS - self._rows
        # Towards the kernel's first number of rows, costs rise in a line: on some CPUs they leap at the second row.
        kernel = self._kernel_cost * min(1.0, self._rows * length / few) if few > 0 else 0.0
        return 1 + kernel + self._token_cost * length

    def best(self, matches: Sequence[int], most: int) -> int:
        """Return the number of tokens g that maximises (1 + p1 + p1 p2 + ... + p1...pg) / c(g).

        `c` is the :meth:`cost`, and p the chance that a token is right in all rows: a forward is due as soon as one of
        them misses.

        Args:
            matches: For each row that is still written, how long the match is that its draft follows.
            most: The longest draft.
        """
        self._in_vain = max(0.0, self._in_vain - ALLOWANCE)
        best, best_rate, right, expected = 0, GAIN + self._caution * self._in_vain, 1.0, 1.0
        for length in range(1, most + 1):
            right *= math.prod(self._chance(match + length - 1) for match in matches)
            expected += right
            rate = expected / self.cost(length)
            if rate > best_rate:
                best, best_rate = length, rate
        self._unpaid, self._texts = self.cost(best) - 1, max(1, len(matches))
        self._drift()
        return best

    def learn(self, match: int, *, hit: bool) -> None:
        """Count a drafted token that followed a match of `match` tokens, those drafted before it included."""
        kind = self._kind(match)
        self._hits[kind] += hit
        self._trials[kind] += 1
        self._in_vain = max(0.0, self._in_vain + self._unpaid - hit / self._texts)
        self._unpaid = 0.0
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
