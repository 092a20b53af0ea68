"""CHAIR (Rohrbach et al., EMNLP 2018, arXiv 1809.02156): do captions name objects that are not there?

    CHAIR_i = named objects that are not there / all named objects
    CHAIR_s = captions that name an object that is not there / all captions

As in the released code (LisaAnne/Hallucination, commit 585f2d9) an object counts as often as it is named, words are
made singular, pairs such as "hot dog" are one word, and synonyms stand for their object. The singular is ours: the code
asks the package `pattern`, which is no longer kept up. A word is looked up as it stands before an ending is taken off.

Without `--answers` drawn scenes that no training saw are described; with it the captions of a file are scored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from ..aggregate import ratio, statistic
from ..dataset import Dataset
from ..engines.base import Recorded, RecordedEngine
from ..measuring_models import MeasuringModels
from ..requests import Description, NamedImage, Request, Response
from ..task import Item, Task

if TYPE_CHECKING:
    from ..scenes.exam import DrawnScenes
    from ..scenes.questions import ObjectTable

DESCRIBE = "Please describe this image in detail."
"""The prompt that RITUAL's authors use for CHAIR."""

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
        """Return the words of a text that name objects, with the objects, in their order."""
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
class CHAIR(Task):
    """The task.

    Args:
        answers: Captions, JSON lines or a list of `caption` with `image` or `image_id`: these are scored, and no model
            is asked.
        objects: With `answers`: what is in which image, JSON.
        vocabulary: With `answers`: synonyms, JSON with `inverse_synonym_dict` and `double_word_dict`.
        sight: Drawn scenes: whether they are unclear.
        prompt: What the model is asked.
        new_tokens: The longest caption.
    """

    name = "chair"
    summary = "captions of images: the share of named objects that are not there"
    asks = Description
    methods = "none,vcd,ritual,code,m3id"
    limit = 200
    metrics: ClassVar = {
        "CHAIR_s": statistic(ratio(lambda a: a.score["wrong"] > 0, lambda a: 1), compared=False),
        "CHAIR_i": statistic(ratio(lambda a: a.score["wrong"], lambda a: a.score["named"])),
        "recall": statistic(ratio(lambda a: a.score["covered"], lambda a: a.score["there"]), compared=False),
    }

    answers: Path | None = None
    objects: Path | None = None
    vocabulary: Path | None = None
    sight: Literal["unclear", "clear"] = "unclear"
    prompt: str = DESCRIBE
    new_tokens: int = 64

    def load(self, paths: Sequence[Path], *, limit: int | None, seed: int) -> Dataset:
        """Return the captions of a file, or drawn scenes.

        Raises:
            ValueError: An option that does not go with the others.
        """
        if paths:
            raise ValueError("chair draws its images: leave --data out, or give captions as --answers")
        if self.answers is None:
            from ..scenes.exam import DrawnScenes  # noqa: PLC0415 (Pillow)

            if self.objects is not None or self.vocabulary is not None:
                raise ValueError("--answers has to be the captions that --objects and --vocabulary belong to")
            return DrawnScenes.drawn(self.sight, limit, seed)
        if self.objects is None or self.vocabulary is None:
            raise ValueError("--objects and --vocabulary have to be given with --answers, but one of them is missing")
        return Dataset.read(self.answers)

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return one item an image, or one a caption.

        Raises:
            ValueError: An image that the table of objects does not know.
        """
        if self.answers is not None:
            table, words = read_table(Dataset.read(cast("Path", self.objects))), self._words
            names = [name for name, _ in read_captions(dataset)]
            items: list[tuple[str, Request]] = [(name, Recorded(place)) for place, name in enumerate(names)]
        else:
            exam = cast("DrawnScenes", dataset).exam
            table, words, names = exam.table, self._words, list(exam.scenes)
            images = [NamedImage(name, scene.image) for name, scene in exam.scenes.items()]
            items = [
                (image.name, Description(image, self.prompt, place, self.new_tokens))
                for place, image in enumerate(images)
            ]
        return [
            Item(f"{number} {name}", request, {"image": name, "there": _there(name, table, words)}, name)
            for number, (name, request) in enumerate(items, start=1)
        ]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return how many objects the caption names, how many wrongly, and how many of those that are there."""
        there = set(item.facts["there"])
        named = [name for _, name in self._words.named(response)]
        return {
            "named": len(named),
            "wrong": sum(name not in there for name in named),
            "covered": len(there & set(named)),
            "there": len(there),
        }

    def given(self) -> RecordedEngine | None:
        """Return the captions of the file, if there is one."""
        if self.answers is None:
            return None
        dataset = Dataset.read(self.answers)
        return RecordedEngine(dataset, [text for _, text in read_captions(dataset)])

    @cached_property
    def _words(self) -> Vocabulary:
        if self.vocabulary is not None:
            return read_vocabulary(Dataset.read(self.vocabulary))
        from ..scenes.objects import NAMES  # noqa: PLC0415 (Pillow)

        return Vocabulary({name: name for name in NAMES})


TASK = CHAIR()


def read_vocabulary(dataset: Dataset) -> Vocabulary:
    """Return `inverse_synonym_dict` and `double_word_dict` of a JSON file, as CHAIR's code names them.

    Raises:
        ValueError: It has none.
    """
    try:
        read = json.loads(dataset.text)
        objects = {word: name for word, name in read["inverse_synonym_dict"].items() if word}
        return Vocabulary(objects, read.get("double_word_dict", {}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{dataset.name} has to be a vocabulary of CHAIR (JSON with `inverse_synonym_dict`), but is not: {error}"
        ) from error


def read_captions(dataset: Dataset) -> list[tuple[str, str]]:
    """Return (image, caption) of JSON lines, or one JSON list, of `caption` with `image`, or `image_id` as in COCO.

    Raises:
        ValueError: An entry is no caption, its number is named; or there is none.
    """

    def caption(_: int, entry: Mapping[str, Any]) -> tuple[str, str]:
        return str(entry["image"] if "image" in entry else entry["image_id"]), str(entry["caption"])

    if dataset.text.lstrip().startswith("["):
        try:
            entries = json.loads(dataset.text)
        except ValueError as error:
            raise ValueError(f"{dataset.name} has to be JSON lines or a JSON list, but is not: {error}") from error
        dataset = Dataset(dataset.name, dataset.sha256, "\n".join(map(json.dumps, entries)))
    return dataset.records("a caption (`caption`, and `image` or `image_id`)", caption)


def read_table(dataset: Dataset) -> ObjectTable:
    """Return a table: a JSON object of lists by image, or POPE's JSON lines with `image` and `objects`.

    Raises:
        ValueError: It is neither.
    """
    from ..scenes.questions import ObjectTable  # noqa: PLC0415

    try:
        return ObjectTable(_objects(dataset))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{dataset.name} has to be a table of objects (JSON {{image: [objects]}}, or lines with `image` and "
            f"`objects`), but is not: {error}"
        ) from error


def _objects(dataset: Dataset) -> dict[str, list[str]]:
    try:
        whole = json.loads(dataset.text)
    except ValueError:
        whole = None
    if whole is None or "objects" in whole:
        rows = [json.loads(line) for _, line in dataset.lines()]
        whole = {row["image"]: row["objects"] for row in rows}
    if not isinstance(whole, dict) or not whole or not all(isinstance(found, list) for found in whole.values()):
        raise ValueError("no lists of objects by image")
    return {str(image): list(dict.fromkeys(map(str, found))) for image, found in whole.items()}


def _there(image: str, table: ObjectTable, words: Vocabulary) -> list[str]:
    if image not in table.objects:
        raise ValueError(f"the table of objects has to hold image {image!r}, but does not")
    return list(dict.fromkeys(words.objects.get(name, name) for name in table.objects[image]))
