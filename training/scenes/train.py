"""Trains the model of scenes: `python -m training.scenes.train --out DIR [--twin unbiased] [--seed S]`.

As LLaVA is: first a vision tower and a language model, each for itself and both in a world without partners; then,
with the tower as it is, the projector and the language model together, on questions and captions about images of the
twin's world. `--base DIR` takes the first stage from another run, so that twins and seeds differ in the second alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from counterfoil.eval.scenes.objects import TWINS, Twin
from safetensors.torch import load_file, save_file
from transformers import LlavaForConditionalGeneration

from .card import measured, write_card
from .language import build_tokenizer
from .learning import learn_images, learn_words
from .network import build_processor
from .recipe import Recipe
from .tower import load_tower, save_tower, train_tower

TOWER, WORDS = "tower.safetensors", "words.safetensors"


def prepare(base: Path, recipe: Recipe) -> None:
    """Train and write what is not there yet of the first stage."""
    base.mkdir(parents=True, exist_ok=True)
    if not (base / TOWER).is_file():
        save_tower(train_tower(recipe.tower_steps), base / TOWER)
    if not (base / WORDS).is_file():
        save_file(learn_words(recipe), base / WORDS)


def save(model: LlavaForConditionalGeneration, out: Path, twin: Twin, recipe: Recipe) -> None:
    """Write weights in float16, tokenizer, processor, and a card with what the stored weights can do."""
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(out)  # pyright: ignore[reportArgumentType]
    build_processor(build_tokenizer()).save_pretrained(out)
    write_card(out, twin, recipe, measured(out))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--twin", choices=TWINS, default="biased", help="the world it is told of")
    parser.add_argument("--seed", type=int, default=0, help="of the second stage")
    parser.add_argument("--base", type=Path, help="folder of the first stage; what is not there is trained (--out)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; results depend on it a little")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe, base = Recipe(seed=options.seed), options.base or options.out
    prepare(base, recipe)
    model = learn_images(load_tower(base / TOWER), load_file(base / WORDS), options.twin, recipe)
    save(model, options.out, options.twin, recipe)
    return 0


if __name__ == "__main__":
    sys.exit(main())
