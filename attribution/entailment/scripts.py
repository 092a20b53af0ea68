"""Writing systems that a model reads: text in another one is not judged, because the verdict would be a guess."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import regex

FOREIGN = 0.3
"""The share of a text's letters that may stand in other scripts: names and quoted words, no whole sentence."""

_LETTER = regex.compile(r"\p{L}")


def foreign_script(text: str, scripts: Sequence[str]) -> str | None:
    """Return the script of most letters that stand in none of `scripts`, if they are more than :data:`FOREIGN` of all.

    Args:
        text: A statement or a premise.
        scripts: Unicode names of the scripts that are read, for example `("Latin",)`.

    Returns:
        The name, for example `Cyrillic`; `None` if the text can be read.
    """
    letters = _LETTER.findall(text)
    read = regex.compile("[" + "".join(rf"\p{{Script={name}}}" for name in (*scripts, "Common", "Inherited")) + "]")
    foreign = [letter for letter in letters if not read.match(letter)]
    if len(foreign) <= FOREIGN * len(letters):
        return None
    names = Counter(unicodedata.name(letter, "unknown").split()[0] for letter in foreign)
    return names.most_common(1)[0][0].title()
