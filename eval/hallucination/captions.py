"""Captions, and the words by which they name objects.

As in CHAIR's released code (LisaAnne/Hallucination, commit 585f2d9) words are made singular, pairs such as "hot dog"
are one word, and synonyms stand for their object. The singular is ours: the code asks the package `pattern`, which is
no longer kept up. A word is looked up as it stands before an ending is taken off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..dataset import Source

IRREGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose"}


@dataclass(frozen=True)
class Vocabulary:
    """The words by which objects are named.

    Args:
        objects: For each word the object that it names; an object names itself.
        pairs: For each pair of words the one word that it stands for.
    """

    objects: Mapping[str, str]
    pairs: Mapping[str, str] = field(default_factory=dict)

    def named(self, text: str) -> list[tuple[str, str]]:
        """The words of a text that name objects, with the objects, in their order."""
        words = self._pairs_joined([self._singular(word) for word in re.findall(r"[a-z]+", text.lower())])
        if "toilet" in words:  # its seat is no chair
            words = [word for word in words if word != "seat"]
        return [(word, self.objects[word]) for word in words if word in self.objects]

    def _pairs_joined(self, words: Sequence[str]) -> list[str]:
        joined, place = [], 0
        while place < len(words):
            pair = " ".join(words[place : place + 2])
            joined.append(self.pairs.get(pair, words[place]))
            place += 2 if pair in self.pairs else 1
        return joined

    def _singular(self, word: str) -> str:
        if word in IRREGULAR:
            return IRREGULAR[word]
        for ending, instead in (("", ""), ("ves", "fe"), ("ves", "f"), ("ies", "y"), ("es", ""), ("s", "")):
            stem = word.removesuffix(ending) + instead
            if word.endswith(ending) and stem in self._known:
                return stem
        return word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(word for name in (*self.pairs, *self.objects) for word in (name, *name.split()))


@dataclass(frozen=True)
class Caption:
    """A caption.

    Args:
        picture: Of which picture.
        text: The caption.
    """

    picture: str
    text: str


def read_vocabulary(source: Source) -> Vocabulary:
    """Reads `inverse_synonym_dict` and `double_word_dict` of a JSON file, as CHAIR's code names them.

    Raises:
        ValueError: It has none.
    """
    try:
        read = json.loads(source.text)
        objects = {word: name for word, name in read["inverse_synonym_dict"].items() if word}
        return Vocabulary(objects, read.get("double_word_dict", {}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{source.name} has to be a vocabulary of CHAIR (JSON with `inverse_synonym_dict`), but is not: {error}"
        ) from error


def read_captions(source: Source) -> list[Caption]:
    """Reads captions: JSON lines, or one JSON list, of `caption` with `image`, or with `image_id` as COCO has it.

    Raises:
        ValueError: An entry is no caption; its number is named.
    """
    entries = _entries(source)
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(Caption(str(entry["image"] if "image" in entry else entry["image_id"]), str(entry["caption"])))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"entry {number} of {source.name} has to be a caption (`caption`, and `image` or `image_id`), but is "
                f"not: {error}"
            ) from error
    return found


def _entries(source: Source) -> list[Any]:
    try:
        if source.text.lstrip().startswith("["):
            return json.loads(source.text)
        return [json.loads(line) for _, line in source.lines()]
    except ValueError as error:
        raise ValueError(f"{source.name} has to be JSON lines or a JSON list, but is not: {error}") from error
