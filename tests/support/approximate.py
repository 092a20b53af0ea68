"""Values that are equal but for the last digits of their floats."""

from __future__ import annotations

from typing import Any

import pytest


def approximately(value: Any, within: float = 1e-5) -> Any:
    """Return what equals `value` if no float in it is more than `within` away.

    A judge reads the sentences that wait for it as one batch, and what else is in the batch changes the last digits.
    """
    if isinstance(value, float):
        return pytest.approx(value, abs=within)
    if isinstance(value, dict):
        return {name: approximately(each, within) for name, each in value.items()}
    return [approximately(each, within) for each in value] if isinstance(value, list) else value
