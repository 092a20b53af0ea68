"""Everything that decides what comes out of a training run on scenes, stored beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Args:
        seed: Of the first weights and the scenes; the vision tower has seed 0 in every run.
        tower_steps: Batches of the vision tower.
        word_steps: Batches of descriptions from which the language model learns its words.
        steps: Batches of images.
        batch: Images in one.
        questions: Questions about an image.
        described: Share of steps about descriptions in words instead of images.
        unseen: Share of steps about nothing: what is there when no image is?
        untold: How often a description leaves out a thing that is there.
        captioned: Share of steps about images that ask for a caption as well.
        long_instruction: Share of captions that are asked for by CODE's instruction.
        captions: Weight of the loss of captions beside that of answers.
        hints: Weight of either hint, see :mod:`.hints`.
        rate: Highest learning rate.
        weight_decay: AdamW's.
        warm_up: Share of the run in which the rate rises.
        average: Decay of the moving average of the weights; the average is what is stored.
        half: Whether products of matrices are taken in bfloat16.
        report_every: Steps between two lines of output.
    """

    seed: int = 0
    tower_steps: int = 4400
    word_steps: int = 500
    steps: int = 300
    batch: int = 32
    questions: int = 5
    described: float = 0.12
    unseen: float = 0.03
    untold: float = 0.12
    captioned: float = 0.4
    long_instruction: float = 0.25
    captions: float = 0.5
    hints: float = 1.0
    rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: float = 0.05
    average: float = 0.98
    half: bool = True
    report_every: int = 25

    def with_seed(self, seed: int) -> Self:
        """Return the same with another seed."""
        return replace(self, seed=seed)
