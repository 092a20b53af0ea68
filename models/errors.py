"""The one error of loading: which ways were tried, why each failed, what to do."""

from __future__ import annotations

import textwrap

_LONGEST = 300


def reason_of(error: Exception) -> str:
    """Return what an error says, on one line; its kind if it says nothing."""
    return textwrap.shorten(str(error), _LONGEST, placeholder=" …") or type(error).__name__


class ModelLoadError(OSError):
    """A model could not be loaded.

    Args:
        name: What was asked for.
        tried: One sentence for each way that was tried.
        remedy: What to do about it.
    """

    def __init__(self, name: str, tried: list[str], remedy: str) -> None:
        self.name, self.tried, self.remedy = name, tried, remedy
        super().__init__(f"cannot load model {name!r}: {'; '.join(tried)}. {remedy}")
