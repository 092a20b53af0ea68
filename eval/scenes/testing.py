"""Pictures that no training saw, and what is asked about them.

They are drawn in the world without partners, so that the habit of the biased model is wrong as often as chance has it;
what is frequent and what goes with what is that of the biased world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from ..hallucination.probes import SPLITS, Probe, Split, probes
from ..hallucination.table import ObjectTable
from .drawing import UNCLEAR, Scene, draw_scene
from .world import objects_together

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
        probes: The questions of each split.
    """

    scenes: dict[str, Scene]
    probes: dict[Split, list[Probe]]

    @property
    def questions(self) -> list[tuple[str, str]]:
        """All that is asked, each once: (picture, question)."""
        return list(dict.fromkeys((probe.picture, probe.text) for split in self.probes.values() for probe in split))

    @property
    def requests(self) -> list[tuple[Image.Image, str]]:
        """The same with the pictures themselves."""
        return [(self.scenes[picture].image, text) for picture, text in self.questions]


def draw_exam(
    purpose: Purpose, sight: Sight, pictures: int, *, seed: int = 0, splits: Sequence[Split] = SPLITS
) -> Exam:
    """Draws pictures and what is asked about them: three questions to be answered yes and three no about each.

    Args:
        purpose: `"development"` or `"test"`: no picture is in both.
        sight: `"clear"`, or `"unclear"`: each of the four ways for a quarter of the pictures.
        pictures: How many.
        seed: Of the pictures and of the random split.
        splits: The splits of POPE.
    """
    draw = np.random.default_rng([seed, STREAMS[purpose], SIGHTS.index(sight)])
    scenes: dict[str, Scene] = {}
    while len(scenes) < pictures:
        objects = objects_together("unbiased", draw)
        if len(objects) >= LEAST:
            unclear = UNCLEAR[len(scenes) % len(UNCLEAR)] if sight == "unclear" else None
            scenes[f"{sight} {len(scenes)}"] = draw_scene(objects, draw, unclear)
    table = ObjectTable({name: [thing.name for thing in scene.things] for name, scene in scenes.items()})
    seen = habits()
    return Exam(scenes, {split: probes(table, split, seen=seen, each=LEAST, seed=seed) for split in splits})


def habits() -> ObjectTable:
    """What a model of the biased world has seen, in general."""
    draw = np.random.default_rng(STREAMS["development"])
    return ObjectTable({str(number): objects_together("biased", draw) for number in range(HABITS)})
