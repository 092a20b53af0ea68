"""Checks of a method's parameters, in the wording of transformers."""

from __future__ import annotations

import sys
from collections.abc import Sequence

LARGEST = 1e6
"""Of what logits are multiplied by. It is far above any use, and far below where float32 overflows into NaN."""


def check_at_least(name: str, value: float, least: float) -> None:
    """Raise unless `value` is a number of at least `least`, and of at most :data:`LARGEST`."""
    if not _is_number(value) or value < least:
        raise ValueError(f"`{name}` has to be a number of at least {least:g}, but is {value!r}")
    if value > LARGEST:
        raise ValueError(f"`{name}` has to be a number of at most {LARGEST:g}, but is {value!r}")


def check_above(name: str, value: float, bound: float) -> None:
    """Raise unless `value` is a finite number above `bound`."""
    if not _is_number(value) or value <= bound:
        raise ValueError(f"`{name}` has to be a number above {bound:g}, but is {value!r}")


def check_share(name: str, value: float) -> None:
    """Raise unless `value` is in [0, 1]."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` has to be in [0, 1], but is {value!r}")


def check_integer(name: str, value: int, least: int) -> None:
    """Raise unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"`{name}` has to be an integer of at least {least}, but is {value!r}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"`{name}` has to be one of {', '.join(map(repr, choices))}, but is {value!r}")


def _is_number(value: object) -> bool:
    # By comparison: an integer may be too large for the functions of floating point, which then raise.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
