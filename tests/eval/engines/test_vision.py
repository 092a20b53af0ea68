"""Asking under every method: the controls are what they say, and nothing depends on the batch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from counterfoil.decoding.images import draw_transform, image_inputs
from counterfoil.eval.engines.vision import Asker, Votes
from counterfoil.eval.hallucination.captioning import evaluate as describe
from counterfoil.eval.hallucination.methods import Method, method, methods
from counterfoil.eval.scenes.exams import VOCABULARY, as_source, as_table, choose
from counterfoil.eval.scenes.testing import draw_exam
from counterfoil.models import VisionModel, load_vision_model

EVERY = "none,temperature,transformed,vcd,ritual,code,m3id,ritual+vcd"


@cache
def vision() -> VisionModel:
    return load_vision_model("scenes")


@cache
def requests() -> tuple:
    return tuple(draw_exam("development", "unclear", 2, seed=7).requests[:10])


def votes(asked: Method, **options: int) -> Votes:
    return Asker(vision(), **options).votes(requests(), [asked])[0]


@torch.no_grad()
def plain(asked: list) -> torch.Tensor:
    """Yes minus no, from a forward of a question by itself."""
    model, processor = vision().model, vision().processor
    yes, no = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])
    rows = [model(**image_inputs(model, processor, one)).logits[0, -1] for one in asked]
    return torch.stack([row[yes] - row[no] for row in rows])


def test_plain_votes_are_the_model_s() -> None:
    found, margin = votes(method("none")), plain(list(requests()))
    assert found.greedy == [float(one > 0) for one in margin]
    assert found.sampled == pytest.approx(margin.sigmoid().tolist(), abs=1e-4)
    assert found.score == pytest.approx(margin.tolist(), abs=1e-3)


def test_the_temperature_control_is_a_quarter_of_the_temperature_and_the_cut() -> None:
    margin = plain(list(requests()))
    expected = [
        (1.0 if one > 0 else 0.0) if abs(one) > torch.tensor(10.0).log() else float((4 * one).sigmoid())
        for one in margin
    ]
    assert votes(method("temperature")).sampled == pytest.approx(expected, abs=1e-3)


def test_the_transformed_view_alone_is_the_transformed_picture() -> None:
    seen = [(draw_transform(image, 3 + i)(image), text) for i, (image, text) in enumerate(requests())]
    assert votes(method("transformed"), seed=3).score == pytest.approx(plain(seen).tolist(), abs=1e-3)


@pytest.mark.parametrize("asked", methods(EVERY, {}), ids=lambda asked: asked.name)
def test_nothing_depends_on_the_batch(asked: Method) -> None:
    one, many = votes(asked, batch_size=1, seed=5), votes(asked, batch_size=7, seed=5)
    assert one.greedy == many.greedy
    assert one.score == pytest.approx(many.score, abs=2e-3)


def test_a_shut_gate_changes_nothing_and_an_open_one_something() -> None:
    assert votes(method("m3id")).score == pytest.approx(votes(method("none")).score, abs=1e-3)
    opened = votes(method("m3id", {"gate": 1.0, "offset": 30})).score
    assert opened != pytest.approx(votes(method("none")).score, abs=1e-2)


def test_names_and_parameters() -> None:
    found = methods("none, ritual", {"strength": 1.0, "plausibility": None}, controls=True)
    assert [one.name for one in found] == ["none", "temperature", "transformed", "ritual"]
    assert found[1].decoding.parameters == {"strength": 1.0, "transform": "identity"}
    assert found[0].decoding.parameters == {}
    with pytest.raises(ValueError, match="`method` has to be one of none, code"):
        methods("none,dola", {})
    with pytest.raises(ValueError, match="`k` has to be a parameter of one of none, vcd, but is of none"):
        methods("none,vcd", {"k": 0.3})


def test_settings_are_chosen_once_a_method() -> None:
    chosen = choose(["none", "temperature", "ritual", "none"], vision(), pictures=2)
    assert [one.name for one in chosen] == ["none", "temperature", "ritual", "none"]
    assert chosen[1].decoding.parameters["strength"] == chosen[2].decoding.parameters["strength"]


def test_a_tokenizer_without_yes_is_refused(tmp_path: Path) -> None:
    class Mute:
        unk_token_id = 0

        def __call__(self, text: str, *, add_special_tokens: bool) -> object:
            return type("Read", (), {"input_ids": [0]})()

    silent = VisionModel(vision().model, type("Processor", (), {"tokenizer": Mute()})(), "silent")
    with pytest.raises(ValueError, match="knows yes and no"):
        Asker(silent)


def test_captions_are_greedy_whatever_settings_a_model_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    exam = draw_exam("development", "clear", 2, seed=7)
    pictures = {name: scene.image for name, scene in exam.scenes.items()}

    def captions() -> object:
        return describe(as_source(exam), pictures, as_table(exam), VOCABULARY, vision(), [method("none")]).samples

    plain = captions()
    monkeypatch.setattr(vision().model.generation_config, "repetition_penalty", 9.0)
    assert captions() == plain
