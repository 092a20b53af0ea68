"""The one error of loading: which ways were tried, why each failed, what to do."""

from __future__ import annotations


def reason_of(error: Exception) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return " ".join(str(error).split())[:300] or type(error).__name__


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
