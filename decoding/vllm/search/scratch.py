"""The groups of scratch blocks: the blocks in which candidates are tried, and what a group holds between two steps.

They are the last blocks of the cache, which the scheduler never gives away. A group belongs to one request at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..engine_limits import SPARE, SearchLimits


class Scratch:
    """The groups of an engine, and the candidates that they hold.

    Args:
        limits: How many groups there are, and of how many blocks each.
        blocks: How many blocks the cache has.
        width: The model's hidden size.
        dtype: The type of its hidden states.
        device: Where the cache is.

    Attributes:
        tokens: `[groups, largest k]`, the candidates for the next token, likeliest first.
        probabilities: `[groups, largest k]`, theirs.
        winner: `[groups]`, which candidate of the last step was chosen: its block holds the end of the sequence.
        hidden: `[groups, width]`, the winner's hidden state.
    """

    def __init__(self, limits: SearchLimits, blocks: int, width: int, dtype: torch.dtype, device: torch.device) -> None:
        self.size = limits.largest_top_k
        self._first = blocks - limits.scratch_blocks
        self._free = list(range(limits.requests))[::-1]
        self.spare = list(range(limits.requests, limits.requests + SPARE))
        self.tokens = torch.zeros(limits.groups, self.size, dtype=torch.int64, device=device)
        self.probabilities = torch.zeros(limits.groups, self.size, dtype=torch.float32, device=device)
        self.winner = torch.zeros(limits.groups, dtype=torch.int64, device=device)
        self.hidden = torch.zeros(limits.groups, width, dtype=dtype, device=device)

    @property
    def free(self) -> int:
        """Return how many groups belong to no request."""
        return len(self._free)

    def take(self) -> int | None:
        """Return a free group, or `None` if there is none."""
        return self._free.pop() if self._free else None

    def give_back(self, group: int) -> None:
        """Take a group back."""
        self._free.append(group)

    def blocks(self, groups: Tensor, candidates: Tensor) -> Tensor:
        """Return the block of each of these candidates of these groups."""
        return self._first + groups * self.size + candidates
