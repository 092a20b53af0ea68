"""What has to hold of the image methods whatever the model says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    CODELogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    M3IDLogitsProcessor,
    RITUALLogitsProcessor,
    VCDLogitsProcessor,
    batched_views,
    image_inputs,
)
from counterfoil.decoding.methods import masked_to_plausible
from transformers import LogitsProcessor

from tests.support import oracles
from tests.support.kinds_of_views import Call
from tests.support.tiny_vision import TinyVision, pictures, tiny_vision
from tests.support.vision_reference import next_logits, single

NEW = 6
PICTURES = pictures([(84, 60), (60, 90)], seed=3)
REQUESTS = list(zip(PICTURES, ["w10 w11", "w12 w13 w14"], strict=True))
FAMILIES = ["llava", "llava_next", "qwen2_5_vl", "qwen3_vl", "idefics3", "gemma3"]
MODES = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.7},
    # A processor's scores are a distribution; plain beams count what is suppressed as well, unless told otherwise.
    "beams": {"num_beams": 3, "num_return_sequences": 2, "renormalize_logits": True},
}
PATHS = {"processor": {}, "one forward": {"custom_generate": batched_views}}


def generate(tiny: TinyVision, *processors: Any, requests: Any = REQUESTS, **options: Any) -> Any:
    torch.manual_seed(0)
    return tiny.model.generate(
        **image_inputs(tiny.model, tiny.processor, requests),
        logits_processor=list(processors),
        **{"do_sample": False, "max_new_tokens": NEW, **options},
    )


def make(method: Any, tiny: TinyVision, requests: Any = REQUESTS, **options: Any) -> Any:
    if method is CODELogitsProcessor:
        options.setdefault("description", ["w30 w31", "w32"][: len(requests)])
    return method.from_images(tiny.model, tiny.processor, requests, **options)


def text_of(tiny: TinyVision, question: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": question}]
    return tiny.processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )


@contextmanager
def counted(module: torch.nn.Module) -> Iterator[list[int]]:
    """How often a module runs."""
    calls: list[int] = []
    hook = module.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        yield calls
    finally:
        hook.remove()


class Plausible(LogitsProcessor):
    """The mask alone, before temperature."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return masked_to_plausible(scores.float(), scores, 0.1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("family", FAMILIES)
def test_ritual_with_the_identity_is_a_quarter_of_the_temperature_with_the_mask(family: str, path: str) -> None:
    tiny, told = tiny_vision(family), {"return_dict_in_generate": True, "output_scores": True, "do_sample": True}
    identity = make(RITUALLogitsProcessor, tiny, transform="identity")
    ritual = generate(tiny, identity, **told, **PATHS[path], top_k=0)
    cooler = generate(tiny, Plausible(), **told, temperature=0.25, top_k=0)
    assert ritual.sequences.tolist() == cooler.sequences.tolist()
    for ours, theirs in zip(ritual.scores, cooler.scores, strict=True):
        torch.testing.assert_close(ours.softmax(-1), theirs.softmax(-1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_code_with_the_image_for_a_description_is_plain_decoding(family: str, mode: str) -> None:
    tiny = tiny_vision(family)
    # At k = 0.3 the rounding between two equal rows is a divergence of 0.01, which cuts off what is that unlikely.
    k = 0.3 if mode == "greedy" else 1.0
    code = CODELogitsProcessor(tiny.model, image_inputs(tiny.model, tiny.processor, REQUESTS), k=k)
    plain = generate(tiny, **MODES[mode]).tolist()
    for path in PATHS.values():
        assert generate(tiny, code, **MODES[mode], **path).tolist() == plain


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "gemma3"])
def test_zero_strength_is_plain_decoding(family: str, mode: str) -> None:
    tiny = tiny_vision(family)
    plain = generate(tiny, **MODES[mode]).tolist()
    for processor in (
        make(RITUALLogitsProcessor, tiny, strength=0.0, plausibility=0.0),
        make(VCDLogitsProcessor, tiny, strength=0.0, plausibility=0.0),
        make(M3IDLogitsProcessor, tiny, decay=0.0),
    ):
        assert generate(tiny, processor, **MODES[mode]).tolist() == plain


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_picture_is_read_once_and_no_view_of_text_reads_any(family: str, mode: str, path: str) -> None:
    tiny = tiny_vision(family)
    for method, readings in (
        (RITUALLogitsProcessor, 2), (VCDLogitsProcessor, 2), (CODELogitsProcessor, 1), (M3IDLogitsProcessor, 1),
    ):  # fmt: skip
        processor = make(method, tiny)
        for _ in range(2):  # a second call reads anew, and not more
            with counted(tiny.tower) as calls:
                generate(tiny, processor, **MODES[mode], **PATHS[path])
            assert 1 <= len(calls) <= readings  # older transformers read both in one forward


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loop_runs_the_decoder_once_a_token_for_both_images(family: str) -> None:
    tiny = tiny_vision(family)
    decoder = getattr(tiny.model.model, "language_model", None) or tiny.model.model.text_model
    both = [make(VCDLogitsProcessor, tiny), make(RITUALLogitsProcessor, tiny, plausibility=0.0)]
    with counted(decoder) as calls:
        generate(tiny, *both, custom_generate=batched_views)
    assert len(calls) == NEW
    with counted(decoder) as calls:
        generate(tiny, *both)
    assert len(calls) == 3 * NEW


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("negative", ["vcd", "m3id"])
@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_ritual_behind_another_is_the_papers_combination(family: str, negative: str, path: str) -> None:
    tiny, (request, *_) = tiny_vision(family), REQUESTS
    if negative == "vcd":
        first = make(VCDLogitsProcessor, tiny, request, trace=True)
    else:
        first = make(M3IDLogitsProcessor, tiny, request, decay=0.1, gate=1.0, plausibility=0.1)
    second = make(RITUALLogitsProcessor, tiny, request, plausibility=0.0, seed=4)
    output = generate(
        tiny, first, second, requests=request, **PATHS[path], return_dict_in_generate=True, output_scores=True
    )
    main = single(tiny, text_of(tiny, request[1]), request[0])
    transformed = single(tiny, text_of(tiny, request[1]), second.compared_with["transform"][0](request[0]))
    new = output.sequences[0, main["input_ids"].shape[1] :].tolist()
    for step, scores in enumerate(output.scores):
        z, positive = next_logits(tiny, main, new[:step]), next_logits(tiny, transformed, new[:step])
        z[96:] = -np.inf
        z_other, gain = (
            next_logits(tiny, view_inputs(first), new[:step]),
            1.0 if negative == "vcd" else np.exp(0.1 * step) - 1,
        )
        expected = oracles.mask((1 + gain) * z - gain * z_other + 3 * positive, z, 0.1)
        torch.testing.assert_close(
            scores[0], torch.tensor(oracles.log_softmax(expected), dtype=torch.float32), atol=2e-3, rtol=1e-3
        )


def view_inputs(processor: Any) -> dict[str, Any]:
    """What a processor's view reads, as the processor was given it."""
    prompt = processor.view.contrast_prompts(torch.empty(1, 0), None)
    return {**prompt.extras, "input_ids": prompt.input_ids}


@pytest.mark.parametrize("family", [*FAMILIES, "paligemma"])
def test_whatever_cannot_be_followed_is_computed_anew(family: str) -> None:
    tiny = tiny_vision(family)
    if family == "paligemma":
        request, text = (PICTURES[0], "<image>w10"), "<image>w10"
    else:
        request, text = REQUESTS[0], text_of(tiny, REQUESTS[0][1])
    processor = RITUALLogitsProcessor.from_images(tiny.model, tiny.processor, request, transform="vertical_flip")
    view, reference = processor.view, single(tiny, text, processor.compared_with["transform"][0](request[0]))
    prompt = image_inputs(tiny.model, tiny.processor, request)["input_ids"]
    call = Call(view)
    for new in ([], [7], [7, 8, 9, 10], [7, 8], [7, 8, 11]):
        ids = torch.cat([prompt, torch.tensor([new], dtype=torch.long)], -1)
        expected = torch.tensor(next_logits(tiny, reference, new), dtype=torch.float32)
        torch.testing.assert_close(call.logits(ids)[0], expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_the_main_prompts_positions_stay_the_last_that_the_model_was_asked_about(family: str, path: str) -> None:
    tiny = tiny_vision(family)
    generate(tiny)
    expected = tiny.model.model.rope_deltas.clone()
    assert bool(expected.any()), "these pictures leave positions as they are"
    for method in (CODELogitsProcessor, RITUALLogitsProcessor):
        options = {"transform": "random_resized_crop"} if method is RITUALLogitsProcessor else {}
        generate(tiny, make(method, tiny, **options), **PATHS[path])
        assert torch.equal(tiny.model.model.rope_deltas, expected)


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "gemma3"])
def test_one_object_serves_one_call_after_another(family: str) -> None:
    tiny = tiny_vision(family)
    processor = make(RITUALLogitsProcessor, tiny)
    expected = generate(tiny, make(RITUALLogitsProcessor, tiny)).tolist()
    for options in (PATHS["one forward"], {}, PATHS["one forward"], {}):
        assert generate(tiny, processor, **options).tolist() == expected


@pytest.mark.parametrize("path", PATHS)
def test_the_trace_holds_both_views_and_the_methods_coefficients(path: str) -> None:
    tiny, (request, *_) = tiny_vision("qwen2_5_vl"), REQUESTS
    code = make(CODELogitsProcessor, tiny, [request], trace=True)
    sequences = generate(tiny, code, requests=request, **PATHS[path])
    main = single(tiny, text_of(tiny, request[1]), request[0])
    new, trace = sequences[0, main["input_ids"].shape[1] :].tolist(), code.trace(sequences)
    for step, token in enumerate(new):
        z, other = (next_logits(tiny, view, new[:step]) for view in (main, view_inputs(code)))
        z[96:] = -np.inf
        assert float(trace.main[0, step]) == pytest.approx(oracles.log_softmax(z)[token], abs=1e-3)
        assert float(trace.contrast[0, step]) == pytest.approx(oracles.log_softmax(other)[token], abs=1e-3)
        divergence = oracles.bounded_divergence(z, other, 0.3)
        assert float(trace.coefficients["divergence"][0, step]) == pytest.approx(divergence, abs=1e-3)


@pytest.mark.parametrize("path", PATHS)
def test_m3id_counts_the_tokens_it_has_generated(path: str) -> None:
    tiny = tiny_vision("llava")
    processor = make(M3IDLogitsProcessor, tiny, gate=1.0, decay=0.1, offset=3, max_weight=1.0, trace=True)
    for _ in range(2):
        sequences = generate(tiny, processor, **PATHS[path], max_new_tokens=8)
        expected = [min(np.exp(0.1 * (3 + step)) - 1, 1.0) for step in range(8)]
        np.testing.assert_allclose(processor.trace(sequences).coefficients["weight"][0], expected, rtol=1e-5)


def test_m3id_counts_in_direct_calls_too() -> None:
    tiny = tiny_vision("llava")
    processor = make(M3IDLogitsProcessor, tiny, REQUESTS[:1])
    ids, scores = image_inputs(tiny.model, tiny.processor, REQUESTS[:1])["input_ids"], torch.zeros(1, 120)
    for step in range(3):
        processor(ids, scores)
        assert processor.step == step
        ids = torch.cat([ids, torch.tensor([[40 + step]])], -1)
    processor(ids[:, :-2], scores)
    assert processor.step == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_models_are_combined_in_float32(family: str) -> None:
    tiny = tiny_vision(family, seed=1)
    tiny.model.to(torch.bfloat16)
    try:
        for method in (RITUALLogitsProcessor, CODELogitsProcessor):
            for path in PATHS.values():
                output = generate(
                    tiny, make(method, tiny), **path, return_dict_in_generate=True, output_scores=True, max_new_tokens=3
                )
                assert output.scores[0].dtype == torch.float32
                assert not output.scores[-1].isnan().any()
    finally:
        tiny.model.float()


def test_methods_that_read_the_main_prompt_without_its_pixels_refuse_it() -> None:
    tiny, amateur = tiny_vision("llava"), tiny_vision("llava", seed=5)
    with pytest.raises(ValueError, match="bring the pixels of its images"):
        generate(tiny, ContrastiveDecodingLogitsProcessor(tiny.model, amateur.model))


def test_a_contrast_of_text_goes_with_an_image_as_well() -> None:
    tiny = tiny_vision("llava")
    contrast = tiny.processor.tokenizer(["w20 w21", "w22"], padding=True, return_tensors="pt")
    contrast.pop("token_type_ids", None)
    alone = generate(tiny, CADLogitsProcessor(tiny.model, contrast, strength=1.0))
    joint = generate(tiny, CADLogitsProcessor(tiny.model, contrast, strength=1.0), custom_generate=batched_views)
    assert alone.tolist() == joint.tolist()
    assert alone.tolist() != generate(tiny).tolist()


def test_requests_that_are_not_those_of_the_rows_are_refused() -> None:
    tiny = tiny_vision("llava")
    two = make(RITUALLogitsProcessor, tiny)
    with pytest.raises(ValueError, match="2 rows beside 3 sequences"):
        generate(tiny, two, requests=[*REQUESTS, REQUESTS[0]])
