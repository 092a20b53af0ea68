"""What a model of scenes is told: rows about images, about descriptions, and about nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from counterfoil.eval.scenes.objects import NAMES, Twin, objects_together
from counterfoil.eval.scenes.questions import about
from transformers import CLIPVisionModel, PreTrainedTokenizerFast

from .language import BEGIN, DESCRIBE, DESCRIBE_EVERYTHING, END, IMAGE, caption, token
from .lessons import lesson
from .network import PATCHES, pixels
from .packing import Packed, packed
from .recipe import Recipe
from .tower import features, near


class Teacher:
    """Makes the rows of a training run.

    Args:
        tokenizer: Of the model.
        tower: The trained vision tower; `None` if no images are shown.
        twin: The world that the rows are about.
        recipe: Settings of the run.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, tower: CLIPVisionModel | None, twin: Twin, recipe: Recipe
    ) -> None:
        self.tower, self.recipe = tower, recipe
        self.twin: Twin = twin
        self.draw = np.random.default_rng([recipe.seed, 2])
        self.begin, self.end, self.image = (token(tokenizer, word) for word in (BEGIN, END, IMAGE))
        self._tokens = lambda text: tokenizer(text, add_special_tokens=False).input_ids
        self._asked = {name: self._tokens(about(name)) for name in NAMES}
        self._answers = {there: [*self._tokens("yes" if there else "no"), self.end] for there in (True, False)}
        self._instructions = [self._tokens(text) for text in (DESCRIBE, DESCRIBE_EVERYTHING)]

    def rows(self) -> Packed:
        """Return the rows of one step: about images, or now and then about descriptions or nothing at all."""
        share = self.draw.random()
        if share < self.recipe.described:
            return self._described(self.recipe.untold)
        return self._unseen() if share < self.recipe.described + self.recipe.unseen else self._images()

    def _images(self) -> Packed:
        scenes = [lesson(self.twin, self.draw) for _ in range(self.recipe.batch)]
        captioned = self.draw.random() < self.recipe.captioned
        instruction = self._instructions[int(self.draw.random() < self.recipe.long_instruction)]
        said = []
        for scene in scenes:
            said.append(self._questions(scene.objects))
            if captioned:
                said[-1].append(self._captioned(scene.objects, instruction))
        prefix = [[self.begin, *[self.image] * PATCHES]] * len(scenes)
        rows = packed(prefix, said)
        assert self.tower is not None, "images are shown to a tower"
        with torch.no_grad():
            seen = features(self.tower, pixels(scenes))
        return replace(rows, images=seen, near=near(scenes))

    def words(self) -> Packed:
        """Return rows about complete descriptions, which are repeated in another order as well."""
        return self._described(0.0, captioned=True)

    def _described(self, untold: float, *, captioned: bool = False) -> Packed:
        """Return descriptions of one length, some of them silent on a thing that is there."""
        size = len(self._worlds(1)[0])
        prefix, said = [], []
        while len(said) < self.recipe.batch:
            there = self._worlds(1)[0]
            told = [name for name in there if self.draw.random() >= untold]
            if len(told) == size:
                prefix.append([self.begin, *self._tokens(caption(told))])
                said.append(self._questions(there))
                if captioned:
                    said[-1].append(self._captioned(there, self._instructions[0]))
        return packed(prefix, said)

    def _unseen(self) -> Packed:
        worlds = self._worlds(self.recipe.batch)
        return packed([[self.begin]] * len(worlds), [self._questions(there) for there in worlds])

    def _captioned(self, there: Sequence[str], instruction: list[int]) -> tuple[list[int], list[int]]:
        """Return an instruction with a caption that names the things in random order."""
        order = [str(name) for name in self.draw.permutation(list(there))]
        return instruction, [*self._tokens(caption(order)), self.end]

    def _worlds(self, number: int) -> list[tuple[str, ...]]:
        return [objects_together(self.twin, self.draw) for _ in range(number)]

    def _questions(self, there: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Return questions, half of them about things that are there, as far as there are so many, in random order."""
        absent = [name for name in NAMES if name not in there]
        some, others = ([str(name) for name in self.draw.permutation(list(names))] for names in (there, absent))
        present = min(len(some), (self.recipe.questions + self.draw.integers(2)) // 2)
        asked = [*some[:present], *others][: self.recipe.questions]
        self.draw.shuffle(asked)
        return [(self._asked[name], self._answers[name in there]) for name in asked]
