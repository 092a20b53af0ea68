"""Methods that compare pictures, by their names: which parameter goes where, and where they are refused."""

from __future__ import annotations

import inspect

import pytest
from counterfoil.decoding import M3IDLogitsProcessor, RITUALLogitsProcessor, VCDLogitsProcessor, batched_views
from counterfoil.eval.decoders import Decoder
from counterfoil.eval.decodings import PARAMETERS, WITH_IMAGE, Decoding, decodings
from counterfoil.eval.image_decoders import DECLARED, ImageDecoder
from counterfoil.models import VisionModel

from tests.support.tiny_language import tiny_language
from tests.support.tiny_vision import pictures, tiny_vision

REQUEST = (pictures([(40, 30)])[0], "w10 w11")


def decoder(method: str, **parameters: object) -> ImageDecoder:
    tiny = tiny_vision("llava")
    return ImageDecoder(Decoding(method, parameters), VisionModel(tiny.model, tiny.processor, "tiny llava"))


@pytest.mark.parametrize("method", DECLARED)
def test_every_parameter_is_one_of_the_builder_itself(method: str) -> None:
    declared, own = inspect.signature(DECLARED[method].from_image).parameters, set(PARAMETERS[method])
    assert own <= set(declared)
    told_otherwise = {"model", "processor", "request", "seed", "trace", "instruction", "max_new_tokens"}
    assert set(declared) - own <= told_otherwise, "a parameter that cannot be set by name"


def test_every_method_of_images_has_a_builder_for_each_part() -> None:
    assert {part for method in WITH_IMAGE for part in method.split("+")} == set(DECLARED)


@pytest.mark.parametrize("method", WITH_IMAGE)
def test_evaluations_of_text_refuse_them_by_name(method: str) -> None:
    with pytest.raises(
        ValueError, match=r"has to be one that reads text alone here, but .* counterfoil generate --image"
    ):
        decodings(f"none,{method}", {})
    with pytest.raises(ValueError, match="compares an image with a view of it: take ImageDecoder"):
        Decoder(Decoding(method), tiny_language())


def test_methods_of_text_are_refused_for_an_image() -> None:
    with pytest.raises(ValueError, match=r"`method` has to be one of code, ritual, .* for an image, but is cad"):
        decoder("cad")


@pytest.mark.parametrize(
    ("method", "parameters", "label"),
    [
        ("none", {}, "none"),
        ("code", {"description": "w30"}, "code (k 0.3)"),
        (
            "ritual",
            {"transform": "rotation"},
            "ritual (strength 3, plausibility 0.1, normalize False, transform rotation)",
        ),
        ("vcd", {"strength": 0.5}, "vcd (strength 0.5, plausibility 0.1, noise_step 500)"),
        ("m3id", {}, "m3id (decay 0.02, gate 0.3, plausibility 0, max_weight 10, offset 0)"),
        ("ritual+vcd", {"noise_step": 700}, "ritual+vcd (noise_step 700)"),
    ],
)
def test_a_label_names_all_parameters_with_their_defaults(method: str, parameters: dict, label: str) -> None:
    assert decoder(method, **parameters).label == label


def test_plain_decoding_takes_nothing() -> None:
    assert decoder("none").options(REQUEST) == {}


def test_combinations_are_the_papers() -> None:
    vcd, ritual = decoder("ritual+vcd", transform="vertical_flip").processors(REQUEST, seed=4)
    assert isinstance(vcd, VCDLogitsProcessor)
    assert isinstance(ritual, RITUALLogitsProcessor)
    assert (vcd.strength, vcd.plausibility, ritual.strength, ritual.plausibility) == (1.0, 0.1, 3.0, 0.0)
    assert ritual.transforms[0].name == "vertical_flip"
    options = decoder("ritual+m3id").options(REQUEST)
    m3id, ritual = options["logits_processor"]
    assert isinstance(m3id, M3IDLogitsProcessor)
    assert (m3id.gate, m3id.plausibility, m3id.max_weight, ritual.plausibility) == (1.0, 0.1, None, 0.0)
    assert options["custom_generate"] is batched_views


def test_the_seed_decides_what_is_drawn() -> None:
    drawn = [decoder("ritual").processors(REQUEST, seed=seed)[0] for seed in (3, 3, 6)]
    transforms = [one.transforms for one in drawn if isinstance(one, RITUALLogitsProcessor)]
    assert transforms[0] == transforms[1] != transforms[2]
