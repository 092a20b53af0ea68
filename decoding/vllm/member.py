"""What a worker has to know about a request that is half of a pair; travels in `SamplingParams.extra_args`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .contrast_params import RESERVED, PairRequest

KEY = RESERVED + "member"


@dataclass(frozen=True)
class Member:
    """One half of a pair.

    Args:
        pair: Equal for both halves and no others.
        is_main: The half that the client reads.
        contrast: Its rule, with the parameters.
        seed: The client's; see :mod:`counterfoil.decoding.vllm.worker.token_copy`.
    """

    pair: str
    is_main: bool
    contrast: PairRequest
    seed: int | None = None


def member_of(extra_args: Mapping[str, Any] | None) -> Member | None:
    """The membership that `extra_args` carry, or `None` for a plain request."""
    return extra_args.get(KEY) if extra_args else None
