"""Pictures that no training saw, and what is asked about them.

They are drawn in the world without partners, so that the habit of the biased model is wrong as often as chance has it;
what is frequent and what goes with what is that of the biased world.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from ..dataset import Dataset
from .drawing import UNCLEAR, Scene, draw_scene
from .objects import objects_together
from .questions import SPLITS, ObjectTable, Question, Split, sampled_questions

Purpose = Literal["development", "test"]
Sight = Literal["clear", "unclear"]
SIGHTS: tuple[Sight, ...] = ("clear", "unclear")
STREAMS = {"development": 11, "test": 12}
"""Streams of random numbers that have nothing in common with each other or with training."""

LEAST = 3
"""Objects in a picture, at least: POPE asks about so many."""

HABITS = 5000
"""Scenes that tell what is frequent."""


@dataclass(frozen=True)
class Exam:
    """Pictures with questions.

    Args:
        scenes: The pictures by name.
        splits: The questions of each split.
    """

    scenes: Mapping[str, Scene]
    splits: Mapping[Split, Sequence[Question]]

    @property
    def questions(self) -> list[tuple[str, str]]:
        """Return all that is asked, each once: (picture, question)."""
        return list(dict.fromkeys((one.picture, one.text) for split in self.splits.values() for one in split))

    @property
    def requests(self) -> list[tuple[Image.Image, str]]:
        """Return the same with the pictures themselves."""
        return [(self.scenes[picture].image, text) for picture, text in self.questions]

    @property
    def table(self) -> ObjectTable:
        """Return the objects in the pictures."""
        return ObjectTable({name: scene.objects for name, scene in self.scenes.items()})


@dataclass(frozen=True)
class DrawnScenes(Dataset):
    """Drawn scenes as the data of a task.

    Args:
        exam: The pictures and questions.
    """

    exam: Exam

    @classmethod
    def drawn(cls, sight: Sight, limit: int | None, seed: int) -> DrawnScenes:
        """Draw test pictures; the same hash means the same pictures and questions.

        Args:
            sight: See :func:`draw_exam`.
            limit: How many pictures.
            seed: Of the pictures.

        Raises:
            ValueError: `limit` is `None`, since there are always more, or below 2, since there is nothing to compare.
        """
        if limit is None or limit < 2:
            raise ValueError(f"`limit` has to be at least 2 for drawn pictures, but is {limit or 'none'}")
        exam = draw_exam("test", sight, limit, seed=seed)
        asked = {split: [(one.picture, one.text, one.there) for one in some] for split, some in exam.splits.items()}
        whole = hashlib.sha256(json.dumps(asked).encode())
        for scene in exam.scenes.values():
            whole.update(scene.image.tobytes())
        return cls(f"scenes ({limit} {sight} pictures)", whole.hexdigest(), "", exam)


def draw_exam(
    purpose: Purpose, sight: Sight, pictures: int, *, seed: int = 0, splits: Sequence[Split] = SPLITS
) -> Exam:
    """Draw pictures and what is asked about them: three questions to be answered yes and three no about each.

    Args:
        purpose: `"development"` or `"test"`: no picture is in both.
        sight: `"clear"`, or `"unclear"`: each of the four ways for a quarter of the pictures.
        pictures: How many.
        seed: Of the pictures and of the random split.
        splits: The splits of POPE.

    Raises:
        ValueError: An unknown sight.
    """
    if sight not in SIGHTS:
        raise ValueError(f"`sight` has to be one of {', '.join(SIGHTS)}, but is {sight!r}")
    draw = np.random.default_rng([seed, STREAMS[purpose], SIGHTS.index(sight)])
    scenes: dict[str, Scene] = {}
    while len(scenes) < pictures:
        objects = objects_together("unbiased", draw)
        if len(objects) >= LEAST:
            unclear = UNCLEAR[len(scenes) % len(UNCLEAR)] if sight == "unclear" else None
            scenes[f"{sight} {len(scenes)}"] = draw_scene(objects, draw, unclear)
    table = ObjectTable({name: [thing.name for thing in scene.things] for name, scene in scenes.items()})
    seen = habits()
    found: dict[Split, list[Question]] = {
        split: sampled_questions(table, split, seen=seen, each=LEAST, seed=seed) for split in splits
    }
    return Exam(scenes, found)


def habits() -> ObjectTable:
    """Return what a model of the biased world has seen, in general."""
    draw = np.random.default_rng(STREAMS["development"])
    return ObjectTable({str(number): objects_together("biased", draw) for number in range(HABITS)})
