"""Whether a text is English, the one language whose details are compared."""

from __future__ import annotations

from functools import lru_cache

import regex

from .lexicon import is_word

LEAST_KNOWN = 0.7
"""Share of a text's words in lower case that must be English; English has 0.75 and more, others mostly below 0.6."""

_WORD = regex.compile(r"\b\p{Ll}[\p{L}'’]*")


@lru_cache(4096)
def is_english(text: str) -> bool:
    """Return whether most words of a text are English; one without a word in lower case counts as English."""
    words = _WORD.findall(text)
    known = sum(is_word(word.partition("'")[0].partition("’")[0]) for word in words)
    return known >= LEAST_KNOWN * len(words)
