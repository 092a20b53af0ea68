"""CODE, RITUAL, VCD and M3ID on eight families of vision-language models against whole forwards without a cache."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from counterfoil.decoding import (
    CODELogitsProcessor,
    M3IDLogitsProcessor,
    RITUALLogitsProcessor,
    VCDLogitsProcessor,
    batched_views,
    image_inputs,
)
from counterfoil.decoding.images import add_noise
from PIL import Image

from tests.support import oracles
from tests.support.drafts import counted_forwards, drafting
from tests.support.tiny_vision import FAMILIES, MARKERS, VOCABULARY, WIDTH, TinyVision, images, tiny_vision
from tests.support.vision_reference import VisionReference, reference_greedy, single

NEW = 6
IMAGES = images([(40, 30), (30, 70), (64, 64), (28, 90)], seed=3)
QUESTIONS = ["w10 w11", "w12 w13 w14 w15", "w16", "w10 w11"]
DESCRIPTIONS = ["w30 w31 w32", "w33", "", "w34 w35 w36 w37 w38"]
SEED = 7
MODES = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.8, "top_k": 20},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
}
FORBIDDEN = list(range(VOCABULARY, WIDTH))
RULES = {
    "ritual": lambda z, o, step: oracles.ritual(z, o),
    "vcd": lambda z, o, step: oracles.vcd(z, o),
    "code": lambda z, o, step: oracles.code(z, o, k=2.0),
    "m3id": lambda z, o, step: oracles.m3id(z, o, step + 10, decay=0.1, gate=1.0),
}
CASES = [
    (family, method)
    for family in FAMILIES
    for method in RULES
    if not (family == "paligemma" and method in ("code", "m3id"))
]


def request(tiny: TinyVision, i: int) -> tuple[Image.Image, str]:
    """Where there is no chat template, the whole prompt."""
    written = tiny.processor.chat_template is not None
    return IMAGES[i], QUESTIONS[i] if written else f"<image>{QUESTIONS[i]}"


def made(tiny: TinyVision, method: str, which: list[int], **options: Any) -> Any:
    requests = [request(tiny, i) for i in which]
    start = (tiny.model, tiny.processor, requests)
    if method == "ritual":
        return RITUALLogitsProcessor.from_images(*start, seed=SEED + which[0], **options)
    if method == "vcd":
        return VCDLogitsProcessor.from_images(*start, seed=SEED + which[0], **options)
    if method == "code":
        return CODELogitsProcessor.from_images(*start, k=2.0, description=[DESCRIPTIONS[i] for i in which], **options)
    return M3IDLogitsProcessor.from_images(*start, decay=0.1, gate=1.0, offset=10, **options)


def text_of(tiny: TinyVision, i: int) -> str:
    if tiny.processor.chat_template is None:
        return f"<image>{QUESTIONS[i]}"
    content = [{"type": "image"}, {"type": "text", "text": QUESTIONS[i]}]
    return tiny.processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )


def view_of(tiny: TinyVision, method: str, i: int) -> dict[str, Any]:
    """What the view of the i-th request reads, made without the library's builders."""
    text = text_of(tiny, i)
    if method == "ritual":
        (transform,) = made(tiny, method, [i]).compared_with["transform"]
        return single(tiny, text, transform(IMAGES[i]))
    if method == "vcd":
        frames = getattr(tiny.processor.image_processor, "temporal_patch_size", 1)
        return add_noise(single(tiny, text, IMAGES[i]), step=500, seeds=[SEED + i], frames=frames)
    replacement = DESCRIPTIONS[i] if method == "code" else ""
    for marker in MARKERS:
        text = text.replace(marker, replacement if marker in ("<image>", "<|image_pad|>", "<boi>") else "")
    return single(tiny, text, None)


def generate(tiny: TinyVision, processors: list[Any], which: list[int], **options: Any) -> torch.Tensor:
    inputs = image_inputs(tiny.model, tiny.processor, [request(tiny, i) for i in which])
    torch.manual_seed(0)
    output = tiny.model.generate(
        **inputs, logits_processor=processors, **{"do_sample": False, "max_new_tokens": NEW, **options}
    )
    return output[:, inputs["input_ids"].shape[1] :]


@functools.cache
def of_one(family: str, method: str, i: int) -> list[int]:
    tiny = tiny_vision(family)
    main, view = single(tiny, text_of(tiny, i), IMAGES[i]), view_of(tiny, method, i)
    return reference_greedy(tiny, main, view, RULES[method], FORBIDDEN, NEW)


@pytest.mark.parametrize(("family", "method"), CASES)
def test_a_batch_is_what_two_whole_forwards_a_token_give_for_each(family: str, method: str) -> None:
    tiny = tiny_vision(family)
    expected = [of_one(family, method, i) for i in range(4)]
    plain = generate(tiny, [], [0, 1, 2, 3]).tolist()
    assert expected != plain, "a test that plain decoding passes"
    assert generate(tiny, [made(tiny, method, [0, 1, 2, 3])], [0, 1, 2, 3]).tolist() == expected
    for i in (1, 3):
        assert generate(tiny, [made(tiny, method, [i])], [i]).tolist() == [expected[i]]


@pytest.mark.parametrize("mode", ["sampling", "beams"])
@pytest.mark.parametrize(("family", "method"), [case for case in CASES if case[1] in ("ritual", "code")])
def test_sampling_and_beams_are_those_of_an_uncached_view(family: str, method: str, mode: str) -> None:
    tiny, which = tiny_vision(family), [1, 0]
    views = [view_of(tiny, method, i) for i in which]
    length = image_inputs(tiny.model, tiny.processor, [request(tiny, i) for i in which])["input_ids"].shape[1]
    if method == "ritual":  # the i-th of a batch draws with the i-th seed
        second = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, request(tiny, 0), seed=SEED + 2)
        views[1] = single(tiny, text_of(tiny, 0), second.compared_with["transform"][0](IMAGES[0]))
    reference = VisionReference(tiny, views, RULES[method], length)
    expected = generate(tiny, [reference], which, **MODES[mode])
    assert generate(tiny, [made(tiny, method, which)], which, **MODES[mode]).tolist() == expected.tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("family", "method"), [case for case in CASES if case[1] in ("ritual", "code")])
def test_one_forward_for_both_views_gives_the_same_tokens(family: str, method: str, mode: str) -> None:
    tiny, which = tiny_vision(family), [0, 1, 2, 3]
    alone = generate(tiny, [made(tiny, method, which)], which, **MODES[mode])
    joint = generate(tiny, [made(tiny, method, which)], which, custom_generate=batched_views, **MODES[mode])
    assert joint.tolist() == alone.tolist()


@pytest.mark.parametrize("mode", ["greedy", "sampling"])
@pytest.mark.parametrize(("family", "method"), [case for case in CASES if case[1] in ("vcd", "code", "m3id")])
def test_drafts_give_the_same_tokens(family: str, method: str, mode: str) -> None:
    tiny, which = tiny_vision(family), [0, 1]
    options = {**MODES[mode], "max_new_tokens": 4 * NEW, "custom_generate": batched_views}
    expected = generate(tiny, [made(tiny, method, which)], which, **options)
    if family == "paligemma":  # each view has a forward of its own
        with pytest.raises(ValueError, match="computes a row otherwise beside another one"):
            generate(tiny, [made(tiny, method, which)], which, **options, prompt_lookup_num_tokens=6)
        return
    with drafting(expected, 0), counted_forwards(tiny.model) as shapes:
        found = generate(tiny, [made(tiny, method, which)], which, **options, prompt_lookup_num_tokens=6)
    assert found.tolist() == expected.tolist()
    assert len(shapes) < 4 * NEW
