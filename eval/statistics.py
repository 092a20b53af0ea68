"""The statistics that evaluations need, asked for at once: an hour's run must not end with a missing package."""

from __future__ import annotations

from counterfoil.attribution.statistics import Interval, interval

try:
    from scipy.stats import binomtest
except ImportError as error:
    raise ImportError(f'evaluations need scipy ({error}): pip install "counterfoil[eval]"') from error

__all__ = ["Interval", "binomtest", "interval"]
