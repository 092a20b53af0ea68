"""CHAIR: which of the objects that a caption names are not in the picture (Rohrbach et al. 2018, arXiv 1809.02156).

    CHAIR_i = named objects that are not there / all named objects
    CHAIR_s = captions that name an object that is not there / all captions

As in the released code (LisaAnne/Hallucination, commit 585f2d9) an object counts as often as it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..confusions import interval
from ..results import Figure
from .captions import Caption, Vocabulary
from .table import ObjectTable

RESAMPLES = 2000


@dataclass(frozen=True)
class Described:
    """What captions say.

    Args:
        named: For each caption how many objects it names.
        wrong: How many of them are not there.
        covered: How many of the objects that are there it names.
        there: How many objects are there.
    """

    named: tuple[int, ...]
    wrong: tuple[int, ...]
    covered: tuple[int, ...]
    there: tuple[int, ...]


def describe(captions: Sequence[Caption], table: ObjectTable, vocabulary: Vocabulary) -> Described:
    """Compares captions with what is in their pictures.

    Raises:
        ValueError: A picture that the table does not know, or no caption.
    """
    if not captions:
        raise ValueError("`captions` has to hold a caption, but is empty")
    rows = []
    for caption in captions:
        if caption.picture not in table.objects:
            raise ValueError(f"the table of objects has to hold picture {caption.picture!r}, but does not")
        there = {vocabulary.objects.get(name, name) for name in table.objects[caption.picture]}
        objects = [name for _, name in vocabulary.named(caption.text)]
        wrong = sum(name not in there for name in objects)
        rows.append((len(objects), wrong, len(there & set(objects)), len(there)))
    return Described(*zip(*rows, strict=True))


def figures(described: Described, *, seed: int = 0) -> dict[str, Figure]:
    """CHAIR_s, CHAIR_i, and recall, the share of the objects that are named; with 95 % intervals.

    Fewer wrong objects are worth little where fewer right ones are named as well, so recall stands beside.

    Args:
        described: What the captions say; each is of one picture.
        seed: Of the bootstrap.
    """
    n = len(described.named)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).T.astype(np.float64)
    values, draws = _figures(described, np.ones((n, 1))), _figures(described, drawn)
    return {name: Figure(float(values[name][0]), interval(draws[name])) for name in values}


def difference(method: Described, other: Described, name: str, *, seed: int = 0) -> Figure:
    """A figure of a method minus that of another on the same pictures, paired.

    Raises:
        ValueError: The captions are not of the same pictures.
    """
    if method.there != other.there:
        raise ValueError("both methods have to have described the same pictures in the same order, but have not")
    n = len(method.there)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).T.astype(np.float64)
    value, draws = (_figures(method, w)[name] - _figures(other, w)[name] for w in (np.ones((n, 1)), drawn))
    return Figure(float(value[0]), interval(draws))


def _figures(described: Described, weights: np.ndarray) -> dict[str, np.ndarray]:
    named, wrong, covered, there = (
        np.asarray(column, np.float64)
        for column in (described.named, described.wrong, described.covered, described.there)
    )
    every, objects = named @ weights, there @ weights
    return {
        "CHAIR_s": ((wrong > 0) @ weights) / weights.sum(axis=0),
        "CHAIR_i": np.divide(wrong @ weights, every, out=np.zeros(weights.shape[1]), where=every > 0),
        "recall": np.divide(covered @ weights, objects, out=np.zeros(weights.shape[1]), where=objects > 0),
    }
