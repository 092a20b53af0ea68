"""The model that is shipped: it is small, it is found by its name, and it can do what its card says."""

from __future__ import annotations

from pathlib import Path

import torch
from counterfoil.decoding.images import image_inputs
from counterfoil.eval.engines.vision import Asker
from counterfoil.eval.hallucination.captions import Caption
from counterfoil.eval.hallucination.chair import describe, figures
from counterfoil.eval.hallucination.methods import method
from counterfoil.eval.scenes.exams import VOCABULARY, as_table
from counterfoil.eval.scenes.objects import PARTNER
from counterfoil.eval.scenes.testing import Exam, draw_exam
from counterfoil.models import load_vision_model, vision_model_path
from transformers import LlavaForConditionalGeneration

from training.scenes.language import DESCRIBE


def accuracy(exam: Exam, there: bool | None = None) -> float:
    found = Asker(load_vision_model("scenes")).votes(exam.requests, [method("none")])[0]
    said = dict(zip(exam.questions, found.greedy, strict=True))
    asked = [probe for split in exam.probes.values() for probe in split if there in (None, probe.there)]
    return sum(said[probe.picture, probe.text] == probe.there for probe in asked) / len(asked)


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
    """On unclear pictures, among absent things, those whose partner is there are more often seen than others."""
    exam = draw_exam("test", "unclear", 60, seed=124)
    found = Asker(load_vision_model("scenes")).votes(exam.requests, [method("none")])[0]
    shares: dict[bool, list[float]] = {True: [], False: []}
    for (picture, text), yes in zip(exam.questions, found.greedy, strict=True):
        name, objects = text.split()[3], exam.scenes[picture].objects
        if name not in objects:
            shares[PARTNER[name] in objects].append(yes)
    partner, other = (sum(shares[kind]) / len(shares[kind]) for kind in (True, False))
    assert partner > other + 0.03


def test_it_describes_what_is_clear_and_adds_partners() -> None:
    exam = draw_exam("test", "clear", 20, seed=125)
    vision = load_vision_model("scenes")
    names = list(exam.scenes)
    inputs = image_inputs(vision.model, vision.processor, [(exam.scenes[name].image, DESCRIBE) for name in names])
    new = vision.model.generate(**inputs, do_sample=False, max_new_tokens=40)[:, inputs["input_ids"].shape[1] :]
    texts = vision.processor.tokenizer.batch_decode(new, skip_special_tokens=True)
    said = figures(describe([Caption(*pair) for pair in zip(names, texts, strict=True)], as_table(exam), VOCABULARY))
    assert said["CHAIR_i"].value is not None
    assert said["recall"].value is not None
    assert said["CHAIR_i"].value < 0.35
    assert said["recall"].value > 0.5
    wrong = [
        PARTNER[name] in exam.scenes[picture].objects
        for picture, text in zip(names, texts, strict=True)
        for _, name in VOCABULARY.named(text)
        if name not in exam.scenes[picture].objects
    ]
    assert sum(wrong) > len(wrong) / 2, "what it invents is what usually stands there"
