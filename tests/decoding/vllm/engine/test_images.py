"""VCD, RITUAL and CODE in a real engine: the contrast request sees other images, or none, and never the main request's
by mistake."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
import torch
from counterfoil.decoding.images import add_noise, draw_transform
from counterfoil.decoding.methods.code import CODE
from counterfoil.decoding.methods.ritual import RITUAL, TRANSFORMS
from counterfoil.decoding.vllm.engine.images import changed_pixels
from PIL import Image
from vllm import SamplingParams

from tests.support import oracles
from tests.support.engine import Engine
from tests.support.engine_vision import FORBIDDEN, SIDE, all_logits, saved_vision, vcd
from tests.support.tiny_models import VOCABULARY
from tests.support.tiny_vision import TinyVision
from tests.support.tiny_vision import images as drawn

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

NEW = 8
TEXTS = ["w10 <image> w11 w12 w13", "w20 w21 w22 <image> w23", "<image> w31 w32 w33 w34 w35 w36"]


@pytest.fixture(scope="module")
def vision() -> TinyVision:
    return saved_vision()[1]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(str(saved_vision()[0]), max_model_len=256, limit_mm_per_prompt={"image": 2})


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    return drawn([(SIDE, SIDE)] * 3, seed=3)


def prompt(text: str, image: Image.Image | list[Image.Image]) -> dict:
    return {"prompt": text, "multi_modal_data": {"image": image}}


def greedy(**keys) -> SamplingParams:
    extra = {f"cf_{name}": value for name, value in keys.items()} or None
    return SamplingParams(temperature=0, max_tokens=NEW, ignore_eos=True, logit_bias=FORBIDDEN, extra_args=extra)


def inputs_of(vision: TinyVision, text: str, image: Image.Image | list[Image.Image] | None) -> dict:
    given = {"images": [image if isinstance(image, list) else [image]]} if image is not None else {}
    return dict(vision.processor(text=[text], return_tensors="pt", **given))


def ritual(main: np.ndarray, other: np.ndarray) -> np.ndarray:
    return oracles.mask(main + 3 * other, main, 0.1)


def chosen(rule, main: np.ndarray, other: np.ndarray) -> list[int]:
    return [int(rule(m, o).argmax()) for m, o in zip(main, other, strict=True)]


def test_vcd_is_the_rule_on_a_noised_image(vision: TinyVision, engine: Engine, images: list[Image.Image]) -> None:
    """Twice, so that images and prompts come from vLLM's caches the second time; beside plain requests."""
    keys = [{"method": "vcd", "noise_step": 500, "seed": seed} for seed in range(3)]
    requests = [prompt(text, image) for text, image in zip(TEXTS, images, strict=True)]
    for _ in range(2):
        found = engine.tokens(requests * 2, [greedy(**given) for given in keys] + [greedy()] * 3)
        for i, (text, image) in enumerate(zip(TEXTS, images, strict=True)):
            inputs = inputs_of(vision, text, image)
            other = add_noise(inputs, step=500, seeds=[i])
            main = all_logits(vision, inputs, found[i])
            assert found[i] == chosen(vcd, main, all_logits(vision, other, found[i]))
            plain = all_logits(vision, inputs, found[3 + i])
            assert found[3 + i] == plain.argmax(-1).tolist()
    assert found[:3] != found[3:], "noise changes what is said"


def test_every_image_has_its_own_noise(vision: TinyVision, engine: Engine, images: list[Image.Image]) -> None:
    text = "w10 <image> w11 <image> w12"
    found = engine.tokens([prompt(text, images[:2])], [greedy(method="vcd", noise_step=700, seed=5)])[0]
    inputs = inputs_of(vision, text, images[:2])
    pixels = inputs["pixel_values"]
    noisy = [add_noise({"pixel_values": pixels[:, i, None]}, step=700, seeds=[5 + i])["pixel_values"] for i in range(2)]
    other = {**inputs, "pixel_values": torch.cat(noisy, 1)}
    assert found == chosen(vcd, all_logits(vision, inputs, found), all_logits(vision, other, found))


def test_ritual_is_the_rule_on_a_transformed_image(
    vision: TinyVision, engine: Engine, images: list[Image.Image]
) -> None:
    for transform in ("horizontal_flip", "rotation"):
        found = engine.tokens([prompt(TEXTS[0], images[0])], [greedy(method="ritual", transform=transform, seed=4)])[0]
        seen = draw_transform(images[0], 4, transform)(images[0])
        main = all_logits(vision, inputs_of(vision, TEXTS[0], images[0]), found)
        assert found == chosen(ritual, main, all_logits(vision, inputs_of(vision, TEXTS[0], seen), found))


def test_the_identity_is_a_temperature(vision: TinyVision, engine: Engine, images: list[Image.Image]) -> None:
    plain, same = engine.tokens(
        [prompt(TEXTS[1], images[1])] * 2, [greedy(), greedy(method="ritual", transform="identity")]
    )
    assert plain == same


@pytest.mark.parametrize("transform", [*TRANSFORMS, "identity"])
def test_transformed_pixels_are_those_of_the_transformed_image(
    vision: TinyVision, images: list[Image.Image], transform: str
) -> None:
    """If the image has the model's size already, it makes no difference that it was read before."""
    item = {"pixel_values": SimpleNamespace(data=inputs_of(vision, TEXTS[0], images[0])["pixel_values"][0])}
    config = SimpleNamespace(model=str(saved_vision()[0]), revision=None, trust_remote_code=False)
    found = changed_pixels(item, RITUAL(transform=transform), 2, config)
    seen = draw_transform(images[0], 2, transform)(images[0])
    seen = seen if seen.size == images[0].size else seen.resize(images[0].size, Image.Resampling.BICUBIC)
    expected = inputs_of(vision, TEXTS[0], seen)["pixel_values"][0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_code_puts_a_description_in_the_place_of_the_image(
    vision: TinyVision, engine: Engine, images: list[Image.Image]
) -> None:
    described = "w10 w40 w41 w42 w43 w44 w11 w12 w13"
    other = inputs_of(vision, described, None)
    keys = {"method": "code", "k": 0.5, "contrast_ids": other["input_ids"][0].tolist()}
    found = engine.tokens([prompt(TEXTS[0], images[0])], [greedy(**keys)])[0]
    main = all_logits(vision, inputs_of(vision, TEXTS[0], images[0]), found)
    # The engine forbids markers in the main view alone.
    plain = all_logits(vision, other, found)
    plain[:, VOCABULARY:] += 100
    scores = CODE(k=0.5).scores(torch.from_numpy(main), torch.from_numpy(plain))
    assert found == scores.argmax(-1).tolist()


def test_m3id_forgets_the_image_token_by_token(vision: TinyVision, engine: Engine, images: list[Image.Image]) -> None:
    """The prompt without its image is the contrast, and each token weighs it by its own number; in two requests of one
    batch, beside plain ones."""
    keys = {"method": "m3id", "decay": 0.3, "gate": 1.0, "max_weight": 4.0}
    requests = [prompt(text, image) for text, image in zip(TEXTS[:2], images[:2], strict=True)]
    others = [inputs_of(vision, text.replace("<image> ", ""), None) for text in TEXTS[:2]]
    asked = [greedy(**keys, contrast_ids=other["input_ids"][0].tolist()) for other in others]
    found = engine.tokens([*requests, *requests], [*asked, greedy(), greedy()])
    for text, image, other, new in zip(TEXTS, images, others, found[:2], strict=False):
        main, blind = all_logits(vision, inputs_of(vision, text, image), new), all_logits(vision, other, new)
        blind[:, VOCABULARY:] += 100  # the engine forbids markers in the main view alone
        rows = [
            oracles.m3id(m, o, step, decay=0.3, gate=1.0, max_weight=4.0)
            for step, (m, o) in enumerate(zip(main, blind, strict=True))
        ]
        assert new == [int(row.argmax()) for row in rows]
    assert found[:2] != found[2:], "what the image adds changes what is said"
    assert [new[0] for new in found[:2]] == [new[0] for new in found[2:]], "the first token is the image's own"


REFUSED = {
    "no image": ("w10 w11 w12", None, {"method": "vcd"}, "has none"),
    "its place in the contrast": (
        TEXTS[0],
        0,
        {"method": "cad", "contrast_ids": [10, VOCABULARY, 11]},
        "text alone",
    ),
    "cut context": (TEXTS[0], 0, {"method": "contrastive_decoding", "cut_context": 3}, "text alone"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused_with_the_reason(engine: Engine, images: list[Image.Image], why: str) -> None:
    text, index, keys, reason = REFUSED[why]
    given = prompt(text, images[index]) if index is not None else {"prompt": text}
    output = engine.outputs([given], [greedy(**keys)])[0].outputs[0]
    assert (list(output.token_ids), output.finish_reason) == ([], "error")
    assert reason in str(output.stop_reason)


# Several tiles.

TWO_TILES = 2 * SIDE


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """Of two rows and two columns of tiles, of one row and of one column."""
    return drawn([(TWO_TILES, TWO_TILES), (TWO_TILES, SIDE), (SIDE, TWO_TILES)], seed=5)


def config_of(longest: int) -> Any:
    return SimpleNamespace(model=str(saved_vision(longest)[0]), revision=None, trust_remote_code=False)


@pytest.mark.parametrize("transform", [*TRANSFORMS, "identity"])
def test_tiles_are_those_of_the_transformed_image(pictures: list[Image.Image], transform: str) -> None:
    vision = saved_vision(TWO_TILES)[1]
    for image, tiles in zip(pictures, (5, 3, 3), strict=True):
        item = {"pixel_values": SimpleNamespace(data=inputs_of(vision, TEXTS[0], image)["pixel_values"][0])}
        found = changed_pixels(item, RITUAL(transform=transform), 2, config_of(TWO_TILES))
        seen = draw_transform(image, 2, transform)(image)
        seen = seen if seen.size == image.size else seen.resize(image.size, Image.Resampling.BICUBIC)
        expected = inputs_of(vision, TEXTS[0], seen)["pixel_values"][0]
        assert found.shape == expected.shape == (tiles, 3, SIDE, SIDE)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_tiles_of_a_shorter_type_are_put_together_as_well(pictures: list[Image.Image]) -> None:
    vision = saved_vision(TWO_TILES)[1]
    pixels = inputs_of(vision, TEXTS[0], pictures[0])["pixel_values"][0].bfloat16()
    item = {"pixel_values": SimpleNamespace(data=pixels)}
    found = changed_pixels(item, RITUAL(transform="vertical_flip"), 2, config_of(TWO_TILES))
    assert found.dtype == torch.bfloat16
    flipped = pixels.flip(2)[[2, 3, 0, 1, 4]]
    torch.testing.assert_close(found[:4].float(), flipped[:4].float(), atol=0.02, rtol=0)


def test_ritual_and_vcd_of_several_tiles_are_their_rules(pictures: list[Image.Image]) -> None:
    folder, vision = saved_vision(TWO_TILES)
    engine = Engine(str(folder), max_model_len=256, limit_mm_per_prompt={"image": 1})
    jobs = list(zip(TEXTS, pictures, ("rotation", "vertical_flip", "gaussian_blur"), strict=True))
    asked = [greedy(method="ritual", transform=transform, seed=4) for *_, transform in jobs]
    noised = [greedy(method="vcd", noise_step=500, seed=4)] * 3
    requests = [prompt(text, image) for text, image, _ in jobs]
    found = engine.tokens(requests * 3, [*asked, *[greedy()] * 3, *noised])
    for (text, image, transform), new in zip(jobs, found[:3], strict=True):
        seen = draw_transform(image, 4, transform)(image)
        main = all_logits(vision, inputs_of(vision, text, image), new)
        assert new == chosen(ritual, main, all_logits(vision, inputs_of(vision, text, seen), new))
    assert found[:3] != found[3:6], "what is seen otherwise changes what is said"
    for (text, image, _), new in zip(jobs, found[6:], strict=True):
        inputs = inputs_of(vision, text, image)
        main, other = all_logits(vision, inputs, new), add_noise(inputs, step=500, seeds=[4])
        assert new == chosen(vcd, main, all_logits(vision, other, new))


def test_tiles_that_are_no_image_are_refused_by_ritual(pictures: list[Image.Image]) -> None:
    """Other models put the overview first, or tiles with borders; and a plain colour fits any arrangement."""
    vision = saved_vision(TWO_TILES)[1]
    pixels = inputs_of(vision, TEXTS[0], pictures[0])["pixel_values"][0]
    plain = inputs_of(vision, TEXTS[0], Image.new("RGB", (TWO_TILES, TWO_TILES), "navy"))["pixel_values"][0]
    for tiles, reason in ((pixels.roll(1, 0), "in no arrangement"), (plain, "in more than one way")):
        with pytest.raises(ValueError, match=rf"ritual has to put the image together again, but .* {reason}"):
            changed_pixels(
                {"pixel_values": SimpleNamespace(data=tiles)}, RITUAL(transform="rotation"), 0, config_of(TWO_TILES)
            )
