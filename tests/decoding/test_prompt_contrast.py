"""CAD and CID in generate(): every mode, on real model classes, against the uncached reference."""

from __future__ import annotations

import functools

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, CIDLogitsProcessor

from tests.support import oracles
from tests.support.reference import ReferenceProcessor, next_logits, reference_greedy
from tests.support.streamers import Recorder
from tests.support.tiny_models import padded, random_prompts, tiny_model

NEW = 8
PROMPTS = random_prompts([9, 3, 6, 5], seed=11)
CONTRASTS = random_prompts([2, 7, 5, 1], seed=12)
METHODS = {
    "cad": (functools.partial(CADLogitsProcessor, strength=1.0), functools.partial(oracles.cad, strength=1.0)),
    "cid": (functools.partial(CIDLogitsProcessor, strength=20.0), functools.partial(oracles.cid, strength=20.0)),
    "cid_log_ratio": (
        functools.partial(CIDLogitsProcessor, strength=0.5, rule="log_ratio"),
        functools.partial(oracles.cid, strength=0.5, rule="log_ratio"),
    ),
}
DECODER_ONLY = ["llama", "gpt2", "qwen3", "mistral", "gemma3_text", "gpt_neox", "bloom", "opt", "qwen3_next", "mamba"]
MODES = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.8, "top_k": 20, "top_p": 0.9},
    "several samples": {"do_sample": True, "num_return_sequences": 3},
    "2 beams": {"num_beams": 2},
    "5 beams": {"num_beams": 5, "num_return_sequences": 3, "length_penalty": 2.0},
    "sampled beams": {"num_beams": 3, "do_sample": True, "top_k": 30},
    "penalty": {"repetition_penalty": 1.3},
    "no cache": {"use_cache": False},
}


def generate(model, inputs, processor=None, **options):
    torch.manual_seed(0)
    processors = [] if processor is None else [processor]
    return model.generate(**inputs, logits_processor=processors, max_new_tokens=NEW, **{"do_sample": False, **options})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", DECODER_ONLY)
def test_greedy_equals_two_full_forwards_a_step_for_every_row_of_a_padded_batch(family: str, method: str) -> None:
    model = tiny_model(family)
    make, oracle = METHODS[method]
    inputs, contrast = padded(PROMPTS), padded(CONTRASTS)
    new = generate(model, inputs, make(model, contrast))[:, inputs["input_ids"].shape[1] :].tolist()
    for i in range(len(PROMPTS)):
        expected = reference_greedy(
            model, PROMPTS[i], lambda written, i=i: next_logits(model, CONTRASTS[i] + written), oracle, NEW
        )
        assert new[i] == expected, f"row {i}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3_text"])
def test_every_mode_equals_the_reference_processor(family: str, method: str, mode: str) -> None:
    model = tiny_model(family)
    make, oracle = METHODS[method]
    inputs, contrast = padded(PROMPTS), padded(CONTRASTS, side="right")
    reference = ReferenceProcessor(model, CONTRASTS, oracle, inputs["input_ids"].shape[1])
    actual = generate(model, inputs, make(model, contrast), **MODES[mode])
    assert actual.tolist() == generate(model, inputs, reference, **MODES[mode]).tolist()
    if mode == "greedy":
        assert actual.tolist() != generate(model, inputs).tolist(), "a contrast that changes nothing tests nothing"


@pytest.mark.parametrize("mode", MODES)
def test_encoder_decoder_models_contrast_their_encoder_inputs(mode: str) -> None:
    model = tiny_model("t5")
    make, oracle = METHODS["cad"]
    inputs, contrast = padded(PROMPTS, side="right"), padded(CONTRASTS, side="right")
    reference = ReferenceProcessor(model, CONTRASTS, oracle, 1)
    actual = generate(model, inputs, make(model, contrast), **MODES[mode])
    assert actual.tolist() == generate(model, inputs, reference, **MODES[mode]).tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "make", [functools.partial(CADLogitsProcessor, strength=0.0), functools.partial(CIDLogitsProcessor, strength=0.0)]
)
def test_zero_strength_is_plain_decoding_token_for_token(make, mode: str) -> None:
    model = tiny_model("llama")
    inputs = padded(PROMPTS)
    processor = make(model, padded(CONTRASTS))
    assert generate(model, inputs, processor, **MODES[mode]).tolist() == generate(model, inputs, **MODES[mode]).tolist()


@pytest.mark.parametrize("mode", ["greedy", "5 beams"])
def test_a_batch_equals_its_rows_alone(mode: str) -> None:
    model = tiny_model("llama")
    make, _ = METHODS["cad"]
    inputs = padded(PROMPTS)
    together = generate(model, inputs, make(model, padded(CONTRASTS)), **MODES[mode])[:, inputs["input_ids"].shape[1] :]
    returned = len(together) // len(PROMPTS)
    for i, (prompt, contrast) in enumerate(zip(PROMPTS, CONTRASTS, strict=True)):
        alone = generate(model, padded([prompt]), make(model, padded([contrast])), **MODES[mode])
        assert together[i * returned : (i + 1) * returned].tolist() == alone[:, len(prompt) :].tolist()


def test_one_object_serves_many_calls_also_one_that_continues_its_own_output() -> None:
    model = tiny_model("llama")
    make, _ = METHODS["cad"]
    contrast = padded(CONTRASTS[:1])
    used = make(model, contrast)
    first = generate(model, padded(PROMPTS[:1]), used)
    for prompt in (PROMPTS[0], PROMPTS[1], first[0].tolist(), PROMPTS[0][:4], PROMPTS[0][:5], [7]):
        again = generate(model, padded([prompt]), used)
        assert again.tolist() == generate(model, padded([prompt]), make(model, contrast)).tolist()


def test_a_row_that_has_ended_does_not_disturb_the_others() -> None:
    model = tiny_model("llama")
    make, _ = METHODS["cad"]
    inputs, contrast = padded(PROMPTS), padded(CONTRASTS)
    free = generate(model, inputs, make(model, contrast))
    width = inputs["input_ids"].shape[1]
    end = int(free[1, width + 2])
    stopped = generate(model, inputs, make(model, contrast), eos_token_id=end, pad_token_id=0)
    for row, (a, b) in enumerate(zip(stopped[:, width:].tolist(), free[:, width:].tolist(), strict=True)):
        until = b.index(end) + 1 if end in b else len(b)
        assert a[:until] == b[: min(until, len(a))], f"row {row}"


def test_output_scores_are_the_methods_log_probabilities() -> None:
    model = tiny_model("llama")
    make, oracle = METHODS["cad"]
    output = generate(
        model, padded(PROMPTS[:1]), make(model, padded(CONTRASTS[:1])), return_dict_in_generate=True, output_scores=True
    )
    written = output.sequences[0, len(PROMPTS[0]) :].tolist()
    for step, scores in enumerate(output.scores):
        main = next_logits(model, PROMPTS[0] + written[:step])
        other = next_logits(model, CONTRASTS[0] + written[:step])
        expected = torch.tensor(oracles.log_softmax(oracle(main, other)), dtype=torch.float32)
        torch.testing.assert_close(scores[0], expected, atol=2e-4, rtol=1e-4)


def test_a_streamer_sees_every_token() -> None:
    model = tiny_model("llama")
    make, _ = METHODS["cad"]
    streamer = Recorder()
    output = generate(model, padded(PROMPTS[:1]), make(model, padded(CONTRASTS[:1])), streamer=streamer)
    assert streamer.tokens == output[0].tolist()
    assert streamer.ended


def test_processors_compose_in_their_order() -> None:
    model = tiny_model("llama")
    inputs, width = padded(PROMPTS), 9
    cad = CADLogitsProcessor(model, padded(CONTRASTS), strength=1.0)
    cid = CIDLogitsProcessor(model, padded(CONTRASTS[::-1]), strength=20.0)
    references = [
        ReferenceProcessor(model, CONTRASTS, functools.partial(oracles.cad, strength=1.0), width),
        ReferenceProcessor(model, CONTRASTS[::-1], functools.partial(oracles.cid, strength=20.0), width),
    ]
    both = model.generate(**inputs, logits_processor=[cad, cid], max_new_tokens=NEW, do_sample=False)
    expected = model.generate(**inputs, logits_processor=references, max_new_tokens=NEW, do_sample=False)
    assert both.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_models_are_combined_in_float32(dtype: torch.dtype) -> None:
    model = tiny_model("llama", seed=1).to(dtype)
    try:
        inputs, contrast = padded(PROMPTS[:2]), padded(CONTRASTS[:2])
        processor = CADLogitsProcessor(model, contrast, strength=1.0)
        output = generate(model, inputs, processor, return_dict_in_generate=True, output_scores=True)
        assert output.scores[0].dtype == torch.float32
        assert not output.scores[-1].isnan().any()
        zero = generate(model, inputs, CADLogitsProcessor(model, contrast, strength=0.0))
        assert zero.tolist() == generate(model, inputs).tolist()
    finally:
        model.float()
