"""From an image and a question to prompts: what is read, drawn, noised and described, and what is refused."""

from __future__ import annotations

import functools
import io
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from counterfoil.decoding import (
    CODELogitsProcessor,
    M3IDLogitsProcessor,
    RITUALLogitsProcessor,
    Transform,
    VCDLogitsProcessor,
    forget_descriptions,
    image_inputs,
)
from counterfoil.decoding.images import VisionPrompter, add_noise, draw_transform
from counterfoil.decoding.images.image_requests import open_image
from counterfoil.decoding.methods.code import INSTRUCTION
from counterfoil.decoding.methods.ritual import TRANSFORMS
from PIL import Image
from transformers import AutoConfig, AutoModelForImageTextToText

from tests.support.tiny_language import tiny_language
from tests.support.tiny_models import tiny_model
from tests.support.tiny_vision import TinyVision, images, tiny_vision

(PICTURE,) = images([(40, 30)])
SMOOTH = Image.fromarray(np.add.outer(np.arange(30) * 4, np.arange(40) * 3).astype(np.uint8)).convert("RGB")
METHODS = (CODELogitsProcessor, M3IDLogitsProcessor, RITUALLogitsProcessor, VCDLogitsProcessor)


def llava() -> TinyVision:
    return tiny_vision("llava")


def messages(*images: Any, question: str = "w10 w11") -> list[dict[str, Any]]:
    content = [*({"type": "image", "image": image} for image in images), {"type": "text", "text": question}]
    return [{"role": "system", "content": "w9"}, {"role": "user", "content": content}]


# What can be asked.


def test_files_pillow_images_arrays_and_messages_are_the_same_image(tmp_path: Any) -> None:
    tiny = llava()
    PICTURE.save(tmp_path / "a.png")
    expected = image_inputs(tiny.model, tiny.processor, (PICTURE, "w10 w11"))
    for image in (tmp_path / "a.png", str(tmp_path / "a.png"), np.asarray(PICTURE), PICTURE.convert("RGBA")):
        read = image_inputs(tiny.model, tiny.processor, (image, "w10 w11"))
        assert all(torch.equal(read[key], expected[key]) for key in expected)
    chat = [{"role": "user", "content": messages(PICTURE)[1]["content"]}]
    assert torch.equal(image_inputs(tiny.model, tiny.processor, chat)["input_ids"], expected["input_ids"])
    named = [{"role": "user", "content": [{"type": "image", "path": str(tmp_path / "a.png")}, *chat[0]["content"][1:]]}]
    assert torch.equal(image_inputs(tiny.model, tiny.processor, named)["pixel_values"], expected["pixel_values"])


def test_a_image_is_turned_as_its_file_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    PICTURE.save(file, "PNG", exif=exif)
    turned = open_image(Image.open(file))
    assert turned.size == (30, 40)
    assert np.array_equal(np.asarray(turned), np.rot90(np.asarray(PICTURE), -1))


def test_the_inputs_are_those_of_the_processors_own_chat_template() -> None:
    tiny = llava()
    own = tiny.processor.apply_chat_template(
        messages(PICTURE), tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True
    )
    ours = image_inputs(tiny.model, tiny.processor, messages(PICTURE))
    assert own.keys() == ours.keys()
    assert all(torch.equal(own[key], ours[key]) for key in own)


def test_a_question_that_holds_the_marker_is_the_whole_prompt() -> None:
    tiny = llava()
    ids = image_inputs(tiny.model, tiny.processor, (PICTURE, "w20 <image> w21"))["input_ids"]
    assert ids.tolist() == [[20, *[tiny.model.config.image_token_id] * 4, 21]]


def test_the_description_stands_where_the_image_was_and_no_marker_is_left() -> None:
    for family in ("llava", "qwen2_5_vl", "qwen3_vl", "gemma3", "idefics3"):
        tiny = tiny_vision(family)
        reader = VisionPrompter(tiny.model, tiny.processor)
        prompts = reader.prompts(messages(PICTURE))
        read = reader.inputs_without_images(prompts, ["w30 w31"])
        assert tiny.processor.tokenizer.decode(read["input_ids"][0]).split()[-5:] == ["w30", "w31", "w10", "w11", "w4"]
        assert "pixel_values" not in read
        assert int(read["input_ids"].max()) < 96


# What is refused.


def broken(tmp_path: Any) -> Any:
    whole = io.BytesIO()
    images([(200, 200)])[0].save(whole, "PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:2000])
    return tmp_path / "cut.png"


def no_image(tmp_path: Any) -> Any:
    (tmp_path / "text.png").write_text("not an image")
    return tmp_path / "text.png"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        (lambda _: messages(), "one image, but holds none"),
        (lambda _: messages(PICTURE, PICTURE), "one image, but holds 2"),
        (broken, r"cannot be read as one \(image file is truncated"),
        (no_image, r"cannot be read as one \(cannot identify image file"),
        (lambda folder: folder / "none.png", "there is none at"),
        (lambda _: "https://example.org/a.png", "is an address"),
        (lambda _: 3, "an image of Pillow's, but is int"),
        (lambda _: None, "an image of Pillow's, but is NoneType"),
        (lambda _: (PICTURE, "  "), "`question` has to hold a word"),
        (lambda _: (PICTURE, "w1 <image> <image>"), "has it 2 times"),
        (lambda _: [], r"chat messages with one image, or a list of either, but is \[\]"),
        (lambda _: "w1", "there is none at 'w1'"),
    ],
)
def test_an_unusable_request_is_refused(method: Any, request_of: Any, message: str, tmp_path: Any) -> None:
    tiny, given = llava(), request_of(tmp_path)
    whole = isinstance(given, (list, tuple))
    with pytest.raises(ValueError, match=message):
        method.from_images(tiny.model, tiny.processor, given if whole else (given, "w10"))


@pytest.mark.parametrize("method", METHODS)
def test_models_and_processors_that_will_not_do_are_refused(method: Any) -> None:
    tiny = llava()
    with pytest.raises(ValueError, match="has to be a vision-language model, but LlamaForCausalLM reads no images"):
        method.from_images(tiny_model("llama"), tiny.processor, (PICTURE, "w10"))
    with pytest.raises(ValueError, match=r"encoder-decoder|reads no images"):
        method.from_images(tiny_model("t5"), tiny.processor, (PICTURE, "w10"))
    with pytest.raises(ValueError, match=r"has to be the model's processor .* but is a TokenizersBackend"):
        method.from_images(tiny.model, tiny_language().tokenizer, (PICTURE, "w10"))
    with pytest.raises(ValueError, match="`model` has to be a transformers model"):
        method.from_images("llava", tiny.processor, (PICTURE, "w10"))


@pytest.mark.parametrize(
    ("model_type", "message"),
    [
        ("blip-2", "Blip2ForConditionalGeneration has a generate.. of its own"),
        ("florence2", "Florence2ForConditionalGeneration is an encoder-decoder model"),
    ],
)
def test_families_that_cannot_be_followed_are_refused_by_name(model_type: str, message: str) -> None:
    few = {"num_hidden_layers": 1}
    small = {
        "blip-2": {"vision_config": few, "qformer_config": few, "text_config": {**few, "model_type": "opt"}},
        "florence2": {"text_config": {"encoder_layers": 1, "decoder_layers": 1}},
    }
    config = AutoConfig.for_model(model_type, **small[model_type])
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    with pytest.raises(ValueError, match=f"{message}.*: take LLaVA, Qwen-VL"):
        image_inputs(model, llava().processor, (PICTURE, "w10"))


def test_a_model_whose_image_token_is_not_known_is_refused() -> None:
    tiny = tiny_vision("llava", seed=2)
    tiny.model.config.image_token_id = None
    with pytest.raises(ValueError, match=r"name its image token .* but LlavaForConditionalGeneration does not"):
        image_inputs(tiny.model, tiny.processor, (PICTURE, "w10"))


@pytest.mark.parametrize("method", [CODELogitsProcessor, RITUALLogitsProcessor, VCDLogitsProcessor])
def test_a_processor_of_another_model_is_refused_before_anything_is_generated(method: Any) -> None:
    with pytest.raises(ValueError, match=r"that of LlavaForConditionalGeneration, but .* (returns|does not mark)"):
        method.from_images(llava().model, tiny_vision("qwen2_5_vl").processor, (PICTURE, "w10"))
    with pytest.raises(
        ValueError, match="that of Qwen2_5_VLForConditionalGeneration, but LlavaProcessor does not mark"
    ):
        method.from_images(tiny_vision("qwen2_5_vl").model, llava().processor, (PICTURE, "w10"))


def test_what_a_family_cannot_do_is_refused_by_name() -> None:
    tiny = tiny_vision("paligemma")
    for method in (CODELogitsProcessor, M3IDLogitsProcessor):
        options = {"description": "w1"} if method is CODELogitsProcessor else {}
        with pytest.raises(ValueError, match=r"PaliGemmaProcessor makes no prompt without an image .*RITUAL and VCD"):
            method.from_images(tiny.model, tiny.processor, (PICTURE, "<image>w10"), **options)
    with pytest.raises(ValueError, match=r"PaliGemmaProcessor has none: give .image, prompt. with the whole prompt"):
        RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10"))


def test_image_tokens_without_pixels_are_refused() -> None:
    tiny = llava()
    ids = image_inputs(tiny.model, tiny.processor, (PICTURE, "w10"))
    without = {key: value for key, value in ids.items() if key != "pixel_values"}
    processor = RITUALLogitsProcessor(tiny.model, without)
    with pytest.raises(ValueError, match="bring the pixels of its images"):
        tiny.model.generate(**ids, logits_processor=[processor], max_new_tokens=2)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (CODELogitsProcessor, {"k": 0}, "`k` has to be a number above 0"),
        (CODELogitsProcessor, {"description_tokens": 0}, "`description_tokens` has to be an integer of at least 1"),
        (CODELogitsProcessor, {"description": ["w1", "w2"]}, "one for each of the 1 images, but is 2"),
        (RITUALLogitsProcessor, {"strength": -1}, "`strength` has to be a number of at least 0"),
        (RITUALLogitsProcessor, {"plausibility": 2}, r"`plausibility` has to be in \[0, 1\]"),
        (RITUALLogitsProcessor, {"transform": "shear"}, "`transform` has to be one of 'horizontal_flip'"),
        (RITUALLogitsProcessor, {"seed": -1}, "`seed` has to be an integer of at least 0"),
        (VCDLogitsProcessor, {"noise_step": 1000}, "`noise_step` has to be at most 999"),
        (VCDLogitsProcessor, {"noise_step": -1}, "`noise_step` has to be an integer of at least 0"),
        (VCDLogitsProcessor, {"plausibility": -0.1}, r"`plausibility` has to be in \[0, 1\]"),
        (M3IDLogitsProcessor, {"decay": -1}, "`decay` has to be a number of at least 0"),
        (M3IDLogitsProcessor, {"gate": 3}, r"`gate` has to be in \[0, 1\]"),
        (M3IDLogitsProcessor, {"max_weight": -1}, "`max_weight` has to be a number of at least 0"),
        (M3IDLogitsProcessor, {"offset": -1}, "`offset` has to be an integer of at least 0"),
    ],
)
def test_parameters_out_of_range_are_refused(method: Any, options: dict, message: str) -> None:
    tiny = llava()
    with pytest.raises(ValueError, match=message):
        method.from_images(tiny.model, tiny.processor, (PICTURE, "w10"), **options)


def test_the_model_is_not_asked_for_a_transformation_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = llava()
    monkeypatch.setattr(VisionPrompter, "generated", lambda *_: pytest.fail("asked the model first"))
    for options in ({"strength": -1}, {"plausibility": 2}):
        with pytest.raises(ValueError, match="has to be"):
            RITUALLogitsProcessor.from_images(
                tiny.model, tiny.processor, (PICTURE, "w10"), transform="model", **options
            )


# RITUAL's transformations.


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transformation_is_drawn_reproducibly_and_says_what_it_is(name: str) -> None:
    first, again, other = (
        draw_transform(PICTURE, 5, name),
        draw_transform(PICTURE, 5, name),
        draw_transform(PICTURE, 6, name),
    )
    assert first == again
    assert np.array_equal(np.asarray(first(PICTURE)), np.asarray(again(PICTURE)))
    assert (first == other) == name.endswith("flip")
    assert str(first).startswith(name)
    assert all(key in str(first) for key in first.parameters)
    assert first(PICTURE).mode == "RGB"
    assert first(PICTURE).size == ((336, 336) if name == "random_resized_crop" else PICTURE.size)


def test_all_six_are_drawn_about_equally_often_and_the_identity_never() -> None:
    names = [draw_transform(PICTURE, seed).name for seed in range(1200)]
    counts = [names.count(name) for name in TRANSFORMS]
    assert sum(counts) == 1200
    assert all(150 < count < 250 for count in counts)  # 200 are expected, the standard deviation is 13


def test_parameters_are_drawn_from_the_papers_ranges() -> None:
    angles = [draw_transform(PICTURE, seed, "rotation").parameters["angle"] for seed in range(400)]
    assert min(angles) < -160
    assert max(angles) > 160
    assert all(-180 <= angle <= 180 for angle in angles)
    sigmas = [draw_transform(PICTURE, seed, "gaussian_blur").parameters["sigma"] for seed in range(200)]
    assert all(1.5 <= sigma <= 2 for sigma in sigmas)
    jitters = [draw_transform(PICTURE, seed, "color_jitter").parameters for seed in range(200)]
    assert all(-0.5 <= jitter["hue"] <= 0.5 and 0 <= jitter["contrast"] <= 2 for jitter in jitters)
    assert len({tuple(jitter) for jitter in jitters}) == 24  # every order
    for seed in range(200):
        left, top, right, bottom = draw_transform(PICTURE, seed, "random_resized_crop").parameters["box"]
        assert 0 <= left < right <= 40
        assert 0 <= top < bottom <= 30
        assert 0.07 < (right - left) * (bottom - top) / 1200 <= 1
        assert 0.65 < (right - left) / (bottom - top) < 1.55  # 3/4 to 4/3, before rounding to pixels


def test_a_long_thin_image_is_cropped_in_its_middle() -> None:
    assert draw_transform(Image.new("RGB", (1000, 3)), 0, "random_resized_crop").parameters["box"] == (498, 0, 502, 3)
    assert draw_transform(Image.new("RGB", (1, 1)), 0, "random_resized_crop")(Image.new("RGB", (1, 1))).size == (
        336,
        336,
    )


def test_flips_rotations_and_crops_move_pixels() -> None:
    pixels = np.asarray(PICTURE)
    assert np.array_equal(np.asarray(Transform("horizontal_flip")(PICTURE)), pixels[:, ::-1])
    assert np.array_equal(np.asarray(Transform("vertical_flip")(PICTURE)), pixels[::-1])
    assert np.array_equal(np.asarray(Transform("rotation", {"angle": 180.0})(PICTURE)), pixels[::-1, ::-1])
    turned = np.asarray(Transform("rotation", {"angle": 45.0})(PICTURE))
    assert turned.shape == pixels.shape
    assert not turned[0, 0].any(), "the corners are black"
    whole = Transform("random_resized_crop", {"box": (0, 0, 40, 30)})(PICTURE)
    assert np.array_equal(np.asarray(whole), np.asarray(PICTURE.resize((336, 336), Image.Resampling.BILINEAR)))


def test_the_blur_is_the_convolution_with_thirteen_gaussian_weights() -> None:
    sigma = 1.7
    weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-6, 7)]
    pixels, height, width = np.asarray(PICTURE).astype(float), 30, 40

    def reflected(i: int, size: int) -> int:
        return -i if i < 0 else 2 * (size - 1) - i if i >= size else i

    blurred = np.asarray(Transform("gaussian_blur", {"sigma": sigma})(PICTURE)).astype(float)
    for y, x in [(0, 0), (3, 39), (15, 20), (29, 7)]:
        total = (
            sum(
                weights[i] * weights[j] * pixels[reflected(y + i - 6, height), reflected(x + j - 6, width)]
                for i in range(13)
                for j in range(13)
            )
            / sum(weights) ** 2
        )
        np.testing.assert_allclose(blurred[y, x], total, atol=0.51)


def test_colours_are_jittered_in_the_order_that_was_drawn() -> None:
    unchanged = Transform("color_jitter", {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0})(SMOOTH)
    assert np.array_equal(np.asarray(unchanged), np.asarray(SMOOTH))
    assert not np.asarray(Transform("color_jitter", {"brightness": 0.0})(PICTURE)).any()
    grey = np.asarray(Transform("color_jitter", {"saturation": 0.0})(PICTURE))
    assert np.array_equal(grey[..., 0], grey[..., 2])
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    turned = np.asarray(Transform("color_jitter", {"hue": 1 / 3})(red))[0, 0]
    assert turned[1] > 250
    assert turned[0] < 10
    order = {"brightness": 1.8, "contrast": 0.3}
    assert not np.array_equal(
        np.asarray(Transform("color_jitter", order)(PICTURE)),
        np.asarray(Transform("color_jitter", dict(reversed(order.items())))(PICTURE)),
    )


def test_the_identity_is_a_control_that_can_be_asked_for() -> None:
    assert draw_transform(PICTURE, 0, "identity") == Transform("identity")
    assert Transform("identity")(PICTURE) is PICTURE


def test_each_request_of_a_batch_draws_as_it_would_alone() -> None:
    tiny = llava()
    batch = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, [(PICTURE, "w10"), (SMOOTH, "w11")], seed=3)
    alone = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, (SMOOTH, "w11"), seed=4)
    assert batch.compared_with["transform"][1] == alone.compared_with["transform"][0]
    given = Transform("rotation", {"angle": 10.0})
    chosen = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10"), transform=given)
    assert chosen.compared_with["transform"] == (given,)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Crop", "random_resized_crop"),
        ("I select Color Jitter, and not rotation.", "color_jitter"),
        ("1. horizontal flip", "horizontal_flip"),
        ("2", "vertical_flip"),
        ("Number 6.", "random_resized_crop"),
    ],
)
def test_in_ritual_plus_the_model_chooses(answer: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answered(self: VisionPrompter, prompt: Any, max_new_tokens: int) -> str:
        asked.append(prompt)
        return answer

    monkeypatch.setattr(VisionPrompter, "generated", answered)
    tiny = llava()
    made = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10 w11"), transform="model")
    assert made.compared_with["transform"][0] == draw_transform(PICTURE, 0, name)
    assert asked[0].image.tobytes() == PICTURE.tobytes()
    assert "w10 w11" in asked[0].text
    assert "You are an image transformation evaluator.\nQuestion: w10 w11\n" in asked[0].text
    assert "3. Rotation\n4. Color Jitter\n5. Gaussian Blur\n6. Crop\nConsider the impact" in asked[0].text


@pytest.mark.parametrize("answer", ["none of them", "0", "17", ""])
def test_in_ritual_plus_an_answer_that_names_none_is_drawn(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VisionPrompter, "generated", lambda *_: answer)
    tiny = llava()
    made = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10"), transform="model", seed=9)
    assert made.compared_with["transform"] == (draw_transform(PICTURE, 9),)


# VCD's noise.


@functools.cache
def kept(step: int) -> float:
    product = 1.0
    for t in range(step + 1):
        beta = 1 / (1 + math.exp(-(-6 + 12 * t / 999))) * (0.5e-2 - 1e-5) + 1e-5
        product *= 1 - beta
    return product


@pytest.mark.parametrize("step", [0, 500, 999])
def test_noise_follows_the_schedule_of_the_released_code(step: int) -> None:
    pixels = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(0)) + 0.5
    given = {"pixel_values": pixels, "input_ids": torch.ones(2, 3)}
    result = add_noise(given, step=step, seeds=[4, 5])
    assert result["input_ids"] is given["input_ids"]
    for i in range(2):
        noise = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(4 + i))
        expected = math.sqrt(kept(step)) * pixels[i] + math.sqrt(1 - kept(step)) * noise[0]
        torch.testing.assert_close(result["pixel_values"][i], expected)


def test_images_in_several_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="returned 3 for 2: switch off what cuts"):
        add_noise({"pixel_values": torch.ones(3, 3, 28, 28)}, step=500, seeds=[0, 1])


def test_the_schedule_in_figures() -> None:
    # The sigmoid's integral: to the middle about log 2 / 12, to the end 6 / 12, times 1000 * 0.00499.
    assert kept(0) == pytest.approx(0.99998, abs=1e-5)
    assert kept(500) == pytest.approx(0.7448, abs=1e-3)  # three quarters of the image are left: it is still to be seen
    assert kept(999) == pytest.approx(0.0814, abs=1e-3)


def test_both_frames_of_a_still_image_get_the_same_noise() -> None:
    tiny = tiny_vision("qwen2_5_vl")
    read = image_inputs(tiny.model, tiny.processor, [(PICTURE, "w10"), (PICTURE, "w11 w12")])
    patches = add_noise(read, step=500, seeds=[0, 1], frames=2)["pixel_values"].unflatten(1, (3, 2, 14 * 14))
    torch.testing.assert_close(patches[:, :, 0], patches[:, :, 1])
    of_each = patches.split(read["image_grid_thw"].prod(-1).tolist())
    assert not torch.equal(of_each[0], of_each[1])
    noise = (patches - math.sqrt(kept(500)) * read["pixel_values"].unflatten(1, (3, 2, 14 * 14)))[:, :, 0]
    assert float(noise.std()) == pytest.approx(math.sqrt(1 - kept(500)), rel=0.05)


def test_tiles_that_fill_up_a_batch_stay_empty() -> None:
    tiny = tiny_vision("llava_next")
    small, large = images([(30, 28), (56, 56)])
    pixels = image_inputs(tiny.model, tiny.processor, [(small, "w10"), (large, "w10")])["pixel_values"]
    filling = (pixels == 0).flatten(2).all(-1)
    assert bool(filling.any()), "this batch has nothing to fill up"
    noisy = add_noise({"pixel_values": pixels}, step=500, seeds=[0, 1])["pixel_values"]
    assert torch.equal((noisy == 0).flatten(2).all(-1), filling)


# CODE's descriptions.


def test_a_description_is_written_once_for_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def generated(self: VisionPrompter, prompt: Any, max_new_tokens: int) -> str:
        written.append((prompt.text, max_new_tokens))
        return f"w{30 + len(written)}"

    monkeypatch.setattr(VisionPrompter, "generated", generated)
    tiny = llava()
    forget_descriptions(tiny.model)
    make = functools.partial(CODELogitsProcessor.from_images, tiny.model, tiny.processor)
    assert make([(PICTURE, "w10"), (SMOOTH, "w11"), (PICTURE, "w12")]).compared_with["description"] == (
        "w31",
        "w32",
        "w31",
    )
    assert make((PICTURE.copy(), "w13")).compared_with["description"] == ("w31",)
    assert all(INSTRUCTION in text and limit == 512 for text, limit in written)
    assert make((PICTURE, "w10"), instruction="w50").compared_with["description"] == ("w33",)
    assert make((PICTURE, "w10"), description_tokens=5).compared_with["description"] == ("w34",)
    forget_descriptions(tiny.model)
    assert make((PICTURE, "w10")).compared_with["description"] == ("w35",)
    forget_descriptions(tiny.model)


def test_the_description_is_the_models_own_greedy_one() -> None:
    tiny = llava()
    forget_descriptions(tiny.model)
    made = CODELogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10"), description_tokens=5)
    inputs = image_inputs(tiny.model, tiny.processor, (PICTURE, INSTRUCTION))
    said = tiny.model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert made.compared_with["description"] == (tiny.processor.tokenizer.decode(said, skip_special_tokens=True),)
    forget_descriptions(tiny.model)


def test_draws_leave_the_global_generators_alone() -> None:
    tiny = llava()
    states = random.getstate(), torch.get_rng_state()
    RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10"), seed=1)
    VCDLogitsProcessor.from_images(tiny.model, tiny.processor, (PICTURE, "w10"), seed=1)
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
