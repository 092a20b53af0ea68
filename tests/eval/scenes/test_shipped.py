"""The model that is shipped: it is small, it is found by its name, and it can do what its card says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from counterfoil.eval.engines.vision import VisionEngine, method
from counterfoil.eval.requests import NamedImage, YesNo
from counterfoil.eval.runner import run
from counterfoil.eval.scenes.exam import DrawnScenes, Exam, draw_exam
from counterfoil.eval.scenes.objects import PARTNER
from counterfoil.eval.tasks.chair import TASK, Vocabulary
from counterfoil.models import load_vision_model, vision_model_path
from transformers import LlavaForConditionalGeneration

from tests.support.tasks import tiny_models


def greedy(exam: Exam) -> dict[tuple[str, str], float]:
    """Whether the model says yes, by image and question."""
    asked = [YesNo(NamedImage(p, exam.scenes[p].image), text, n) for n, (p, text) in enumerate(exam.questions)]
    (found,) = VisionEngine(load_vision_model("scenes")).answer([method("none")], asked)
    return {question: answer["greedy"] for question, answer in zip(exam.questions, found, strict=True)}


def accuracy(exam: Exam) -> float:
    said = greedy(exam)
    asked = [question for split in exam.splits.values() for question in split]
    return sum(said[one.image, one.text] == one.there for one in asked) / len(asked)


def test_it_is_found_by_its_name_and_small() -> None:
    folder = Path(vision_model_path("scenes"))
    assert sum(file.stat().st_size for file in folder.iterdir()) < 8 * 2**20
    assert (folder / "README.md").read_text().startswith("---\nlicense: apache-2.0")
    assert vision_model_path("elsewhere/scenes") == "elsewhere/scenes"
    vision = load_vision_model("scenes")
    assert isinstance(vision.model, LlavaForConditionalGeneration)
    assert vision.model.dtype == torch.float32
    assert vision.name == "scenes"


def test_it_sees_what_is_clear_and_less_of_what_is_not() -> None:
    clear, unclear = (accuracy(draw_exam("test", sight, 30, seed=123)) for sight in ("clear", "unclear"))
    assert clear > 0.93
    assert unclear < clear - 0.05


def test_it_says_the_partner_where_it_is_not() -> None:
    """On unclear images, among absent things, those whose partner is there are more often seen than others."""
    exam = draw_exam("test", "unclear", 60, seed=124)
    shares: dict[bool, list[float]] = {True: [], False: []}
    for (image, text), yes in greedy(exam).items():
        name, objects = text.split()[3], exam.scenes[image].objects
        if name not in objects:
            shares[PARTNER[name] in objects].append(yes)
    partner, other = (sum(shares[kind]) / len(shares[kind]) for kind in (True, False))
    assert partner > other + 0.03


def test_it_describes_what_is_clear_and_adds_partners() -> None:
    exam = draw_exam("test", "clear", 20, seed=125)
    dataset = DrawnScenes("scenes", "", "", exam)
    task = replace(TASK, sight="clear", new_tokens=40)
    result = run(task, VisionEngine(load_vision_model("scenes")), [method("none")], dataset, models=tiny_models())
    said = result.rows[0].figures
    assert said["CHAIR_i"].value is not None
    assert said["recall"].value is not None
    assert said["CHAIR_i"].value < 0.35
    assert said["recall"].value > 0.5
    words = Vocabulary({name: name for name in PARTNER})
    wrong = [
        PARTNER[name] in exam.scenes[sample["facts"]["image"]].objects
        for sample in result.samples
        for _, name in words.named(sample["response"])
        if name not in exam.scenes[sample["facts"]["image"]].objects
    ]
    assert sum(wrong) > len(wrong) / 2, "what it invents is what usually stands there"
