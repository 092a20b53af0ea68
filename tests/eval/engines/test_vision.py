"""Asking under every method: the controls are what they say, and nothing depends on the batch or the interruption."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import ImageDecoder
from counterfoil.decoding.images import draw_transform, image_inputs
from counterfoil.eval.engines.vision import Method, VisionEngine, method, methods
from counterfoil.eval.requests import Description, NamedImage, YesNo
from counterfoil.eval.scenes.exam import draw_exam
from counterfoil.models import VisionModel, load_vision_model

EVERY = "none,temperature,transformed,vcd,ritual,code,m3id,ritual+vcd"


@cache
def vision() -> VisionModel:
    return load_vision_model("scenes")


@cache
def asked() -> tuple:
    return tuple(draw_exam("development", "unclear", 2, seed=7).requests[:10])


@cache
def requests() -> tuple[YesNo, ...]:
    return tuple(YesNo(NamedImage(str(n), image), text, n) for n, (image, text) in enumerate(asked()))


def votes(one: Method, some: tuple[YesNo, ...] | None = None, **options: int) -> dict[str, list[float]]:
    (found,) = VisionEngine(vision(), **options).answer([one], some or requests())
    return {name: [answer[name] for answer in found] for name in ("greedy", "sampled", "score")}


@torch.no_grad()
def plain(pairs: list) -> torch.Tensor:
    """Yes minus no, from a forward of a question by itself."""
    model, processor = vision().model, vision().processor
    yes, no = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])
    rows = [model(**image_inputs(model, processor, one)).logits[0, -1] for one in pairs]
    return torch.stack([row[yes] - row[no] for row in rows])


def test_plain_votes_are_the_model_s() -> None:
    found, margin = votes(method("none")), plain(list(asked()))
    assert found["greedy"] == [float(one > 0) for one in margin]
    assert found["sampled"] == pytest.approx(margin.sigmoid().tolist(), abs=1e-4)
    assert found["score"] == pytest.approx(margin.tolist(), abs=1e-3)


def test_the_temperature_control_is_a_quarter_of_the_temperature_and_the_cut() -> None:
    margin = plain(list(asked()))
    expected = [
        (1.0 if one > 0 else 0.0) if abs(one) > torch.tensor(10.0).log() else float((4 * one).sigmoid())
        for one in margin
    ]
    assert votes(method("temperature"))["sampled"] == pytest.approx(expected, abs=1e-3)


def test_the_transformed_view_alone_is_the_transformed_image() -> None:
    seen = [(draw_transform(image, 3 + i)(image), text) for i, (image, text) in enumerate(asked())]
    assert votes(method("transformed"), seed=3)["score"] == pytest.approx(plain(seen).tolist(), abs=1e-3)


@pytest.mark.parametrize("one", methods(EVERY, {}), ids=lambda one: one.name)
def test_nothing_depends_on_the_batch(one: Method) -> None:
    alone, many = votes(one, batch_size=1, seed=5), votes(one, batch_size=7, seed=5)
    assert alone["greedy"] == many["greedy"]
    assert alone["score"] == pytest.approx(many["score"], abs=2e-3)


def test_what_is_left_of_a_killed_run_draws_as_the_whole_run_does() -> None:
    """Places that do not follow each other are not drawn for as if they did."""
    one, left = method("ritual"), (0, 3, 4, 8)
    whole = votes(one, seed=5)["score"]
    some = votes(one, tuple(requests()[n] for n in left), seed=5)["score"]
    assert some == pytest.approx([whole[n] for n in left], abs=2e-3)


def test_a_shut_gate_changes_nothing_and_an_open_one_something() -> None:
    shut = votes(method("none"))["score"]
    assert votes(method("m3id"))["score"] == pytest.approx(shut, abs=1e-3)
    assert votes(method("m3id", {"gate": 1.0, "offset": 30}))["score"] != pytest.approx(shut, abs=1e-2)


@pytest.mark.parametrize("given", [{}, {"description_tokens": 3}, {"description": "a tree"}])
@torch.no_grad()
def test_code_reads_the_description_that_its_options_ask_for(given: dict) -> None:
    model, processor = vision().model, vision().processor
    words = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])
    expected = []
    for one in asked()[:4]:
        inputs = image_inputs(model, processor, one)
        (code,) = ImageDecoder(Decoding("code", given), vision()).processors(one)
        scores = code(inputs["input_ids"], model(**inputs).logits[:, -1])[0, words]
        expected.append(float(scores[0] - scores[1]))
    found = votes(method("code", given), requests()[:4])["score"]
    assert [f for f, e in zip(found, expected, strict=True) if math.isfinite(e)] == pytest.approx(
        [e for e in expected if math.isfinite(e)], abs=2e-3
    )


def test_names_and_parameters() -> None:
    found = methods("none, temperature, ritual", {"strength": [1.0, 3.0], "plausibility": None})
    assert [one.name for one in found] == ["none", "temperature", "temperature", "ritual", "ritual"]
    assert found[1].decoding.parameters == {"strength": 1.0, "transform": "identity"}
    assert [one.decoding.parameters for one in found[3:]] == [{"strength": 1.0}, {"strength": 3.0}]
    assert found[0].decoding.parameters == {}
    with pytest.raises(ValueError, match="`method` has to be one of none, code"):
        methods("none,dola", {})
    with pytest.raises(ValueError, match="`k` has to be a parameter of one of none, vcd, but is of none"):
        methods("none,vcd", {"k": 0.3})


def test_a_label_names_what_a_control_takes_from_ritual() -> None:
    engine = VisionEngine(vision())
    assert engine.described(method("temperature"))[:2] == ("temperature", "temperature (strength 3, plausibility 0.1)")
    assert engine.described(method("transformed"))[1] == "transformed"
    assert engine.described(method("none")) == ("none", "none", {})


def test_a_tokenizer_without_yes_is_refused(tmp_path: Path) -> None:
    class Mute:
        unk_token_id = 0

        def __call__(self, text: str, *, add_special_tokens: bool) -> object:
            return type("Read", (), {"input_ids": [0]})()

    silent = VisionModel(vision().model, type("Processor", (), {"tokenizer": Mute()})(), "silent")
    with pytest.raises(ValueError, match="knows yes and no"):
        VisionEngine(silent)


def test_captions_are_greedy_whatever_settings_a_model_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    exam = draw_exam("development", "clear", 2, seed=7)
    some = [
        Description(NamedImage(name, scene.image), "Please describe this image in detail.", n, 24)
        for n, (name, scene) in enumerate(exam.scenes.items())
    ]
    plain = VisionEngine(vision()).answer([method("none")], some)
    monkeypatch.setattr(vision().model.generation_config, "repetition_penalty", 9.0)
    assert VisionEngine(vision()).answer([method("none")], some) == plain


def test_a_image_is_known_by_what_it_shows(tmp_path: Path) -> None:
    (image, _), (other, _) = asked()[0], asked()[-1]
    image.save(tmp_path / "a.png")
    assert NamedImage("a", image).sha256 != NamedImage("a", other).sha256
    assert NamedImage("a", tmp_path / "a.png").sha256 != NamedImage("a", image).sha256
    told = YesNo(NamedImage("a", image), "Is it?", 4).recorded()
    assert told == {"image": "a", "sha256": NamedImage("a", image).sha256, "text": "Is it?", "place": 4}
