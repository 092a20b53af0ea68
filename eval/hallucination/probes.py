"""POPE's questions, as many about objects that are there as about objects that are not.

Li et al. 2023, arXiv 2305.10355.

After each object that is there comes one that is not, and how it is found makes the split:

- `random`: any object of the table;
- `popular`: the most frequent object of the table;
- `adversarial`: the most frequent companion of the object that was just asked about;

each time the first that is not in the picture and has not been asked about. Where none is left, a random one. The
released code writes "imange" in questions about objects with a vowel; we do not.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..dataset import Source
from .table import ObjectTable

Split = Literal["random", "popular", "adversarial"]
SPLITS: tuple[Split, ...] = ("random", "popular", "adversarial")


@dataclass(frozen=True)
class Probe:
    """A question about a picture.

    Args:
        picture: Which.
        text: The question.
        there: Whether the object is in it.
    """

    picture: str
    text: str
    there: bool


def question(name: str) -> str:
    """POPE's question about an object."""
    return f"Is there {'an' if name[0] in 'aeiou' else 'a'} {name} in the image?"


def probes(
    table: ObjectTable, split: Split, *, seen: ObjectTable | None = None, each: int = 3, seed: int = 0
) -> list[Probe]:
    """The questions of a split.

    Args:
        table: The pictures that are asked about. Those with fewer than `each` objects, or fewer than `each` missing,
            are left out.
        split: How objects that are not there are chosen.
        seen: The table that says what is frequent and what goes with what; `table` by default, as in POPE.
        each: Questions of either kind about a picture.
        seed: Of random choices.

    Raises:
        ValueError: An unknown split, or no picture with enough objects.
    """
    if split not in SPLITS:
        raise ValueError(f"`split` has to be one of {', '.join(SPLITS)}, but is {split!r}")
    seen, draw = seen or table, random.Random(seed)
    found: list[Probe] = []
    for picture, objects in table.objects.items():
        missing = [name for name in seen.popular if name not in objects]
        if min(len(objects), len(missing)) < each:
            continue
        for name in objects[:each]:
            absent = _absent(split, name, missing, seen, draw)
            missing.remove(absent)
            found += [Probe(picture, question(name), True), Probe(picture, question(absent), False)]
    if not found:
        raise ValueError(f"the table has to hold a picture with at least {each} objects, but holds none")
    return found


def read_probes(source: Source) -> list[Probe]:
    """Reads POPE's files: JSON lines with `image`, `text` and `label`.

    Raises:
        ValueError: A line is no question; its number is named.
    """
    found = []
    for number, line in source.lines():
        try:
            row = json.loads(line)
            found.append(Probe(str(row["image"]), row["text"], {"yes": True, "no": False}[row["label"]]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"line {number} of {source.name} has to be a question of POPE (`image`, `text`, `label` yes or no), "
                f"but is not: {error}"
            ) from error
    if not found:
        raise ValueError(f"{source.name} has to hold questions, but is empty")
    return found


def _absent(split: Split, name: str, missing: Sequence[str], seen: ObjectTable, draw: random.Random) -> str:
    if split == "popular":
        return missing[0]
    if split == "adversarial":
        for companion in seen.companions.get(name, ()):
            if companion in missing:
                return companion
    return draw.choice(missing)
