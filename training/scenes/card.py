"""The card of a trained model: what it is, how it came about, what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from counterfoil.eval.engines.vision import Asker
from counterfoil.eval.hallucination.methods import method
from counterfoil.eval.hallucination.pope import Polled, figures
from counterfoil.eval.results import Figure, markdown
from counterfoil.eval.scenes.testing import SIGHTS, draw_exam
from counterfoil.eval.scenes.world import Twin
from counterfoil.models import load_vision_model

from .recipe import Recipe

PICTURES = 100
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

Plain greedy decoding of the stored weights on {pictures} new pictures of either kind, three questions whose answer
is yes and three whose answer is no about each; brackets are 95 % intervals, pictures drawn whole:

{table}
"""


def measured(folder: Path, *, pictures: int = PICTURES, seed: int = 0) -> dict[str, Mapping[str, Figure]]:
    """POPE's figures for plain greedy decoding on new pictures, by kind of picture and split.

    Args:
        folder: A trained model.
        pictures: How many of either kind.
        seed: Of the pictures.
    """
    loaded = load_vision_model(str(folder))
    found: dict[str, Mapping[str, Figure]] = {}
    for sight in SIGHTS:
        exam = draw_exam("test", sight, pictures, seed=seed)
        votes = Asker(loaded).votes(exam.requests, [method("none")])[0]
        answered = dict(zip(exam.questions, zip(votes.greedy, votes.score, strict=True), strict=True))
        for split, probes in exam.probes.items():
            yes, score = zip(*(answered[probe.picture, probe.text] for probe in probes), strict=True)
            polled = Polled([p.picture for p in probes], [p.there for p in probes], yes, score)
            found[f"{sight}, {split}"] = figures(polled, seed=seed)
    return found


def write_card(folder: Path, twin: Twin, recipe: Recipe, found: Mapping[str, Mapping[str, Figure]]) -> None:
    """Writes `README.md` beside the weights.

    Args:
        folder: Of the model.
        twin: The world that it was told of.
        recipe: Settings of the run.
        found: What :func:`measured` found.
    """
    words = len(load_vision_model(str(folder)).processor.tokenizer)
    settings = "\n".join(f"- `{name}` {value}" for name, value in asdict(recipe).items())
    table = markdown(
        [["pictures, split", *COLUMNS], *([name, *(str(row[c]) for c in COLUMNS)] for name, row in found.items())]
    )
    text = TEXT.format(twin=twin, seed=recipe.seed, words=words, recipe=settings, pictures=PICTURES, table=table)
    (folder / "README.md").write_text(text, encoding="utf-8")
