"""POPE's questions, as many about objects that are there as about objects that are not (Li et al., arXiv 2305.10355).

After each object that is there comes one that is not, and how it is found makes the split:

- `random`: any object of the table;
- `popular`: the most frequent object of the table;
- `adversarial`: the most frequent companion of the object that was just asked about;

each time the first that is not in the picture and has not been asked about. If none is left, a random one. The released
code writes "imange" in questions about objects with a vowel; we do not.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Split = Literal["random", "popular", "adversarial"]
SPLITS: tuple[Split, ...] = ("random", "popular", "adversarial")


@dataclass(frozen=True)
class ObjectTable:
    """Which objects are in which picture, and what that says about objects in general.

    Args:
        objects: For each picture its objects, each once.
    """

    objects: Mapping[str, Sequence[str]]

    @cached_property
    def frequency(self) -> Counter[str]:
        """Return the number of pictures that each object is in; the order of equals is that of first appearance."""
        return Counter(name for objects in self.objects.values() for name in objects)

    @cached_property
    def popular(self) -> list[str]:
        """Return all objects, the most frequent first."""
        return [name for name, _ in self.frequency.most_common()]

    @cached_property
    def companions(self) -> dict[str, list[str]]:
        """Return for each object those that are in a picture with it, the most frequent companion first."""
        together: dict[str, Counter[str]] = {name: Counter() for name in self.frequency}
        for objects in self.objects.values():
            for name in objects:
                together[name].update(other for other in objects if other != name)
        return {name: [other for other, _ in found.most_common()] for name, found in together.items()}


@dataclass(frozen=True)
class Question:
    """A question about a picture.

    Args:
        picture: Its name.
        text: The question.
        there: Whether the object is in it.
    """

    picture: str
    text: str
    there: bool


def about(name: str) -> str:
    """Return POPE's question about an object."""
    return f"Is there {'an' if name[0] in 'aeiou' else 'a'} {name} in the image?"


def sampled_questions(
    table: ObjectTable, split: Split, *, seen: ObjectTable | None = None, each: int = 3, seed: int = 0
) -> list[Question]:
    """Return the questions of a split.

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
    found: list[Question] = []
    for picture, objects in table.objects.items():
        missing = [name for name in seen.popular if name not in objects]
        if min(len(objects), len(missing)) < each:
            continue
        for name in objects[:each]:
            absent = _absent(split, name, missing, seen, draw)
            missing.remove(absent)
            found += [Question(picture, about(name), True), Question(picture, about(absent), False)]
    if not found:
        raise ValueError(f"the table has to hold a picture with at least {each} objects, but holds none")
    return found


def _absent(split: Split, name: str, missing: Sequence[str], seen: ObjectTable, draw: random.Random) -> str:
    if split == "popular":
        return missing[0]
    if split == "adversarial":
        for companion in seen.companions.get(name, ()):
            if companion in missing:
                return companion
    return draw.choice(missing)
