"""Drawn pictures as the tasks of POPE and CHAIR want them, and settings chosen on pictures that are not tested on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from counterfoil.models import VisionModel

from ..dataset import Source
from ..engines.vision import Asker
from ..hallucination.captions import Vocabulary
from ..hallucination.methods import Method, method
from ..hallucination.polling import Poll
from ..hallucination.table import ObjectTable
from .objects import NAMES
from .testing import Exam, Sight, draw_exam

GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "vcd": {"strength": (1.0, 0.5), "noise_step": (500, 300, 700)},
    "ritual": {"strength": (3.0, 1.0, 0.5)},
    "code": {"k": (0.3, 0.7, 1.0)},
    "m3id": {"gate": (1.0,), "offset": (10,), "decay": (0.02, 0.05, 0.1)},
}
"""The settings that are tried, the paper's first. But M3ID's gate is open: it is shut to nearly every yes and no."""

VOCABULARY = Vocabulary({name: name for name in NAMES})
"""A thing has one name."""


def as_poll(exam: Exam) -> Poll:
    """The exam as what is asked of a model."""
    splits = {str(split): asked for split, asked in exam.probes.items()}
    return Poll(as_source(exam), splits, {name: scene.image for name, scene in exam.scenes.items()})


def as_table(exam: Exam) -> ObjectTable:
    """What is in the exam's pictures."""
    return ObjectTable({name: scene.objects for name, scene in exam.scenes.items()})


def as_source(exam: Exam) -> Source:
    """The exam identified: the same hash, the same pictures and questions."""
    asked = {split: [(p.picture, p.text, p.there) for p in probes] for split, probes in exam.probes.items()}
    whole = hashlib.sha256(json.dumps(asked).encode())
    for scene in exam.scenes.values():
        whole.update(scene.image.tobytes())
    sights = sorted({name.split()[0] for name in exam.scenes})
    return Source(f"scenes ({len(exam.scenes)} {' and '.join(sights)} pictures)", whole.hexdigest(), "")


def choose(
    names: Sequence[str],
    vision: VisionModel,
    *,
    sight: Sight = "unclear",
    pictures: int = 50,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Method]:
    """Each method with the setting that answers best on development pictures, the mean over the splits of POPE.

    The control of RITUAL is as sharp as RITUAL turns out.

    Args:
        names: Names of methods; those without a grid are returned as they are.
        vision: The model.
        sight: The kind of picture.
        pictures: How many.
        seed: Of pictures and methods.
        progress: Told how far it is.
    """
    exam = draw_exam("development", sight, pictures, seed=seed)
    tried = {name: [method(name, given) for given in _settings(GRIDS.get(name, {}))] for name in dict.fromkeys(names)}
    best = {name: ones[0] for name, ones in tried.items()}
    searched = [name for name, ones in tried.items() if len(ones) > 1]
    votes = iter(Asker(vision, seed=seed).votes(exam.requests, [m for name in searched for m in tried[name]], progress))
    for name in searched:
        right = [_right(exam, next(votes).greedy) for _ in tried[name]]
        best[name] = tried[name][right.index(max(right))]
    if {"ritual", "temperature"} <= best.keys():
        best["temperature"] = method("temperature", best["ritual"].decoding.parameters)
    return [best[name] for name in names]


def _right(exam: Exam, greedy: Sequence[float]) -> int:
    said = dict(zip(exam.questions, greedy, strict=True))
    return sum(said[p.picture, p.text] == p.there for probes in exam.probes.values() for p in probes)


def _settings(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
