"""Which objects are in which picture, and what that table says about objects in general."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..dataset import Source


@dataclass(frozen=True)
class ObjectTable:
    """The objects of pictures.

    Args:
        objects: For each picture its objects, each once.
    """

    objects: Mapping[str, Sequence[str]]

    @cached_property
    def frequency(self) -> Counter[str]:
        """In how many pictures each object is; the order of equals is that of first appearance."""
        return Counter(name for objects in self.objects.values() for name in objects)

    @cached_property
    def popular(self) -> list[str]:
        """All objects, the most frequent first."""
        return [name for name, _ in self.frequency.most_common()]

    @cached_property
    def companions(self) -> dict[str, list[str]]:
        """For each object those that are in a picture with it, the most frequent companion first."""
        together: dict[str, Counter[str]] = {name: Counter() for name in self.frequency}
        for objects in self.objects.values():
            for name in objects:
                together[name].update(other for other in objects if other != name)
        return {name: [other for other, _ in found.most_common()] for name, found in together.items()}


def read_table(source: Source) -> ObjectTable:
    """Reads a table: a JSON object of lists by picture, or POPE's JSON lines with `image` and `objects`.

    Raises:
        ValueError: It is neither.
    """
    try:
        return ObjectTable(_objects(source))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{source.name} has to be a table of objects (JSON {{picture: [objects]}}, or lines with `image` and "
            f"`objects`), but is not: {error}"
        ) from error


def _objects(source: Source) -> dict[str, list[str]]:
    try:
        whole = json.loads(source.text)
    except ValueError:
        whole = None
    if whole is None or "objects" in whole:
        rows = [json.loads(line) for _, line in source.lines()]
        whole = {row["image"]: row["objects"] for row in rows}
    if not isinstance(whole, dict) or not whole or not all(isinstance(found, list) for found in whole.values()):
        raise ValueError("no lists of objects by picture")
    return {str(picture): list(dict.fromkeys(map(str, found))) for picture, found in whole.items()}
