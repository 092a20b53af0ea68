"""Trains the model of scenes: `python -m counterfoil.eval.scenes.train --out DIR [--twin unbiased] [--seed S]`.

First the vision tower, on scenes without partners (or `--tower FILE` takes a trained one); then, with the tower as it
is, the projector and the language model, on questions, captions and descriptions of scenes of the twin's world.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPVisionModel, LlavaForConditionalGeneration, PreTrainedTokenizerFast

from ..entailment.optimisation import MovingAverage, schedule
from ..hallucination.probes import question
from .card import measured, write_card
from .language import BEGIN, DESCRIBE, DESCRIBE_EVERYTHING, END, IMAGE, build_tokenizer, caption
from .lessons import lesson
from .network import PATCHES, build_model, build_processor, pixels
from .objects import NAMES
from .packing import IGNORED, Packed, logits, packed
from .recipe import Recipe
from .tower import features, load_tower, save_tower, train_tower
from .world import TWINS, Twin, objects_together


class Teacher:
    """Makes the rows of a training run.

    Args:
        tokenizer: Of the model.
        tower: The trained vision tower.
        twin: The world that the rows are about.
        recipe: Settings of the run.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, tower: CLIPVisionModel, twin: Twin, recipe: Recipe) -> None:
        self.tower, self.twin, self.recipe = tower, twin, recipe
        self.draw = np.random.default_rng([recipe.seed, 2])
        self.begin, self.end, self.image = map(tokenizer.convert_tokens_to_ids, (BEGIN, END, IMAGE))
        self._tokens = lambda text: tokenizer(text, add_special_tokens=False).input_ids
        self._asked = {name: self._tokens(question(name)) for name in NAMES}
        self._answers = {there: [*self._tokens("yes" if there else "no"), self.end] for there in (True, False)}
        self._instructions = [self._tokens(text) for text in (DESCRIBE, DESCRIBE_EVERYTHING)]

    def rows(self) -> Packed:
        """The rows of one step: about pictures, or now and then about descriptions or nothing at all."""
        share = self.draw.random()
        if share < self.recipe.described:
            return self._described()
        return self._unseen() if share < self.recipe.described + self.recipe.unseen else self._pictures()

    def _pictures(self) -> Packed:
        scenes = [lesson(self.twin, self.draw) for _ in range(self.recipe.batch)]
        captioned = self.draw.random() < self.recipe.captioned
        instruction = self._instructions[int(self.draw.random() < self.recipe.long_instruction)]
        said = []
        for scene in scenes:
            there = [str(name) for name in self.draw.permutation(scene.objects)]
            said.append(self._questions(there))
            if captioned:
                said[-1].append((instruction, [*self._tokens(caption(there)), self.end]))
        prefix = [[self.begin, *[self.image] * PATCHES]] * len(scenes)
        rows = packed(prefix, said)
        with torch.no_grad():
            seen = features(self.tower, pixels(scenes))
        return Packed(rows.prefix, rows.segments, rows.targets, rows.lengths, seen)

    def _described(self) -> Packed:
        """Descriptions of one length, some of them silent on a thing that is there."""
        size = len(self._worlds(1)[0])
        prefix, said = [], []
        while len(said) < self.recipe.batch:
            there = self._worlds(1)[0]
            told = [name for name in there if self.draw.random() >= self.recipe.untold]
            if len(told) == size:
                prefix.append([self.begin, *self._tokens(caption(told))])
                said.append(self._questions(there))
        return packed(prefix, said)

    def _unseen(self) -> Packed:
        worlds = self._worlds(self.recipe.batch)
        return packed([[self.begin]] * len(worlds), [self._questions(there) for there in worlds])

    def _worlds(self, number: int) -> list[tuple[str, ...]]:
        return [objects_together(self.twin, self.draw) for _ in range(number)]

    def _questions(self, there: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Half of them about things that are there, as far as there are so many, in random order."""
        absent = [name for name in NAMES if name not in there]
        some, others = ([str(name) for name in self.draw.permutation(list(names))] for names in (there, absent))
        present = min(len(some), (self.recipe.questions + self.draw.integers(2)) // 2)
        asked = [*some[:present], *others][: self.recipe.questions]
        self.draw.shuffle(asked)
        return [(self._asked[name], self._answers[name in there]) for name in asked]


def train(
    tower: CLIPVisionModel, twin: Twin, recipe: Recipe, *, report_every: int = 50
) -> LlavaForConditionalGeneration:
    """A trained model; the same seed gives the same weights on the same machine.

    Args:
        tower: A trained vision tower, which stays as it is.
        twin: The world.
        recipe: Settings of the run.
        report_every: Steps between two lines of output.
    """
    torch.manual_seed(recipe.seed)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, tower).train()
    model.model.vision_tower.requires_grad_(False)
    teacher, average = Teacher(tokenizer, tower, twin, recipe), MovingAverage(model, recipe.average)
    trained = list(average.live.values())
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True)
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = recipe.rate * schedule((step + 1) / recipe.steps, recipe.warm_up)
        rows = teacher.rows()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.half):
            answered = logits(model, rows).float()
        loss = _loss(answered, rows, recipe)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update()
        if (step + 1) % report_every == 0:
            print(f"{twin}, seed {recipe.seed}: step {step + 1} of {recipe.steps}, loss {loss.item():.4f}", flush=True)
    average.swap()
    return model.eval()


def _loss(answered: Tensor, rows: Packed, recipe: Recipe) -> Tensor:
    """Mean over the tokens of answers, and of captions, which stand last where there are any."""
    losses = nn.functional.cross_entropy(answered.transpose(1, 2), rows.targets, ignore_index=IGNORED, reduction="none")
    said = rows.targets != IGNORED
    answers = sum(rows.lengths[: recipe.questions])
    loss = losses[:, :answers].sum() / said[:, :answers].sum()
    if len(rows.lengths) > recipe.questions:
        loss = loss + recipe.captions * losses[:, answers:].sum() / said[:, answers:].sum()
    return loss


def save(model: LlavaForConditionalGeneration, out: Path, twin: Twin, recipe: Recipe) -> None:
    """Writes weights in float16, tokenizer, processor, and a card with what the stored weights can do."""
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(out)  # pyright: ignore[reportArgumentType]
    build_processor(build_tokenizer()).save_pretrained(out)
    write_card(out, twin, recipe, measured(out))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--twin", choices=TWINS, default="biased", help="the world it is told of")
    parser.add_argument("--seed", type=int, default=0, help="of first weights and scenes")
    parser.add_argument("--tower", type=Path, help="a vision tower; left out, one is trained and put into --out")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; results depend on it a little")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = Recipe(seed=options.seed)
    if options.tower is None:
        options.out.mkdir(parents=True, exist_ok=True)
        tower = train_tower(recipe.tower_steps)
        save_tower(tower, options.out / "tower.safetensors")
    else:
        tower = load_tower(options.tower)
    save(train(tower, options.twin, recipe), options.out, options.twin, recipe)
    return 0


if __name__ == "__main__":
    sys.exit(main())
