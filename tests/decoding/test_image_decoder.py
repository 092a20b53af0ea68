"""Methods that compare images, by their names: which parameter goes where, and where they are refused."""

from __future__ import annotations

import pytest
from counterfoil.decoding import M3IDLogitsProcessor, RITUALLogitsProcessor, VCDLogitsProcessor, batched_views
from counterfoil.decoding.by_name import Decoding, decodings, method_names
from counterfoil.decoding.decoder import Decoder, ImageDecoder
from counterfoil.decoding.methods import M3ID, RITUAL, VCD
from counterfoil.models import VisionModel

from tests.support.tiny_language import tiny_language
from tests.support.tiny_vision import images, tiny_vision

REQUEST = (images([(40, 30)])[0], "w10 w11")


def decoder(method: str, **parameters: object) -> ImageDecoder:
    tiny = tiny_vision("llava")
    return ImageDecoder(Decoding(method, parameters), VisionModel(tiny.model, tiny.processor, "tiny llava"))


@pytest.mark.parametrize("method", method_names(image=True))
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
    assert decoder(method, **parameters).decoding.label == label


def test_plain_decoding_takes_nothing() -> None:
    assert decoder("none").options(REQUEST) == {}


def test_combinations_are_the_papers() -> None:
    vcd, ritual = decoder("ritual+vcd", transform="vertical_flip").processors(REQUEST, seed=4)
    assert isinstance(vcd, VCDLogitsProcessor)
    assert isinstance(ritual, RITUALLogitsProcessor)
    assert vcd.method == VCD()
    assert ritual.method == RITUAL(plausibility=0.0, transform="vertical_flip")
    assert ritual.compared_with["transform"][0].name == "vertical_flip"
    options = decoder("ritual+m3id").options(REQUEST)
    m3id, ritual = options["logits_processor"]
    assert isinstance(m3id, M3IDLogitsProcessor)
    assert (m3id.method, ritual.method) == (M3ID(gate=1.0, plausibility=0.1, max_weight=None), RITUAL(plausibility=0.0))
    assert options["custom_generate"] is batched_views


def test_the_seed_decides_what_is_drawn() -> None:
    drawn = [decoder("ritual").processors(REQUEST, seed=seed)[0] for seed in (3, 3, 6)]
    transforms = [one.compared_with["transform"] for one in drawn if isinstance(one, RITUALLogitsProcessor)]
    assert transforms[0] == transforms[1] != transforms[2]
