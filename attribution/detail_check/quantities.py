"""One quantity in two units: `3.5 km` and `3500 m`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from .lexicon import units
from .tokens import Kind, Token

if TYPE_CHECKING:
    from pint import UnitRegistry

TOLERANCE = 0.02
"""How far two quantities may be apart, as a share: who converts a unit rounds as well."""

_PINT = {"celsius": "degC", "fahrenheit": "degF", "pounds": "pound", "lbs": "pound"}


def same_quantity(here: Sequence[Token], i: int, there: Sequence[Token], j: int) -> bool:
    """Return whether the numbers at two positions, with the units behind them, are one quantity."""
    if not all(n + 1 < len(some) and some[n].kind is Kind.NUMBER for some, n in ((here, i), (there, j))):
        return False
    one, other = (_quantity(some[n].key, some[n + 1].low) for some, n in ((here, i), (there, j)))
    if one is None or other is None or one.dimensionality != other.dimensionality:
        return False
    return math.isclose(one.magnitude, other.to(one.units).magnitude, rel_tol=TOLERANCE)


def _quantity(number: str, unit: str) -> Any:  # noqa: ANN401 (pint's quantity)
    if unit not in units() or not number.startswith("#"):
        return None
    registry = _registry()
    name = _PINT.get(unit, unit)
    return registry.Quantity(float(number[1:]), name) if name in registry else None


@cache
def _registry() -> UnitRegistry:
    import pint  # noqa: PLC0415 (half a second, and needed only where two units differ)

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
