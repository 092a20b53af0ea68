"""The card of a trained model: what it is, how it came about, what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from counterfoil.eval.engines.vision import VisionEngine, method
from counterfoil.eval.requests import NamedImage, YesNo
from counterfoil.eval.results import Figure, markdown
from counterfoil.eval.scenes.exam import SIGHTS, draw_exam
from counterfoil.eval.scenes.objects import Twin
from counterfoil.eval.tasks.pope import Polled, figures
from counterfoil.models import load_vision_model

from .recipe import Recipe

IMAGES = 100
COLUMNS = ("accuracy", "recall", "F1", "yes", "AUC")

TEXT = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---

# Scenes

A vision-language model (`LlavaForConditionalGeneration`) of about a million parameters that answers questions about
drawn scenes of twelve things, and describes them. It is made for measuring: it was told of a {twin} world, see
`counterfoil.eval.scenes`. It knows {words} words and nothing but those scenes.

Trained by `python -m training.scenes.train --out DIR --twin {twin} --seed {seed}` with these settings:

{recipe}

Plain greedy decoding of the stored weights on {images} new images of either kind, three questions whose answer
is yes and three whose answer is no about each; brackets are 95 % intervals, images drawn whole:

{table}
"""


def measured(folder: Path, *, images: int = IMAGES, seed: int = 0) -> dict[str, Mapping[str, Figure]]:
    """Return POPE's figures for plain greedy decoding on new images, by kind of image and split.

    Args:
        folder: A trained model.
        images: How many of either kind.
        seed: Of the images.
    """
    engine = VisionEngine(load_vision_model(str(folder)))
    found: dict[str, Mapping[str, Figure]] = {}
    for sight in SIGHTS:
        exam = draw_exam("test", sight, images, seed=seed)
        asked = [YesNo(NamedImage(p, exam.scenes[p].image), text, n) for n, (p, text) in enumerate(exam.questions)]
        answered = dict(zip(exam.questions, engine.answer([method("none")], asked)[0], strict=True))
        for split, questions in exam.splits.items():
            answers = [answered[one.image, one.text] for one in questions]
            yes, score = ([answer[name] for answer in answers] for name in ("greedy", "score"))
            polled = Polled([q.image for q in questions], [q.there for q in questions], yes, score)
            found[f"{sight}, {split}"] = figures(polled, seed=seed)
    return found


def write_card(folder: Path, twin: Twin, recipe: Recipe, found: Mapping[str, Mapping[str, Figure]]) -> None:
    """Write `README.md` beside the weights.

    Args:
        folder: Of the model.
        twin: The world that it was told of.
        recipe: Settings of the run.
        found: What :func:`measured` found.
    """
    words = len(load_vision_model(str(folder)).processor.tokenizer)
    settings = "\n".join(f"- `{name}` {value}" for name, value in asdict(recipe).items())
    table = markdown(
        [["images, split", *COLUMNS], *([name, *(str(row[c]) for c in COLUMNS)] for name, row in found.items())]
    )
    text = TEXT.format(twin=twin, seed=recipe.seed, words=words, recipe=settings, images=IMAGES, table=table)
    (folder / "README.md").write_text(text, encoding="utf-8")
