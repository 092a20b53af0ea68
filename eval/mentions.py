"""Which of several names a text mentions, and which first."""

from __future__ import annotations

import re
from collections.abc import Sequence


def first_mention(text: str, names: Sequence[str]) -> int | None:
    """Where the first of the names begins in the text, as whole words in any case; `None` where none does."""
    starts = [found.start() for name in names if (found := re.search(_whole(name), text, re.IGNORECASE))]
    return min(starts, default=None)


def _whole(name: str) -> str:
    return rf"(?<!\w){re.escape(name)}(?!\w)"
