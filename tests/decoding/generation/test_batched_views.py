"""One forward for all views: the same tokens as the processors alone, in every mode of generate()."""

from __future__ import annotations

import functools
import gc
import weakref

import pytest
import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    CIDLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    EarlyExit,
    batched_views,
)
from counterfoil.decoding.generation.batched_model import BatchedSequences
from counterfoil.decoding.views.forward_recorder import CACHE_NAME

from tests.support.streamers import Recorder
from tests.support.tiny_models import padded, random_prompts, tiny_model

NEW = 8
PROMPTS, CONTRASTS = random_prompts([9, 3, 6, 5], seed=41), random_prompts([2, 12, 5, 1], seed=42)
FAMILIES = ["llama", "gpt2", "qwen3", "mistral", "gemma3_text", "gpt_neox", "bloom", "opt", "qwen3_next"]
METHODS = {
    "cad": lambda m: [CADLogitsProcessor(m, padded(CONTRASTS), strength=1.0)],
    "cid": lambda m: [CIDLogitsProcessor(m, padded(CONTRASTS, side="right"), strength=20.0)],
    "cut context": lambda m: [ContrastiveDecodingLogitsProcessor(m, CutContext(m, 2), plausibility=0.05, strength=1.0)],
    "another model": lambda m: [
        ContrastiveDecodingLogitsProcessor(m, tiny_model("gpt2", seed=5), plausibility=0.05, strength=1.0)
    ],
    "early exit": lambda m: [ContrastiveDecodingLogitsProcessor(m, EarlyExit(m, 2), plausibility=0.05, strength=1.0)],
    "two views and a layer": lambda m: [
        CADLogitsProcessor(m, padded(CONTRASTS), strength=0.5),
        CIDLogitsProcessor(m, padded(CONTRASTS[::-1]), strength=10.0),
        DoLaLogitsProcessor(m, "low"),
    ],
}
MODES = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.8, "top_k": 20, "top_p": 0.9},
    "several samples": {"do_sample": True, "num_return_sequences": 3},
    "2 beams": {"num_beams": 2},
    "5 beams": {"num_beams": 5, "num_return_sequences": 3, "length_penalty": 2.0},
    "penalty": {"repetition_penalty": 1.3},
    "ends": {"eos_token_id": list(range(40, 96)), "pad_token_id": 0},
}


def generate(model, processors, prompts=PROMPTS, **options):
    torch.manual_seed(0)
    return model.generate(
        **padded(prompts), logits_processor=processors, **{"do_sample": False, "max_new_tokens": NEW, **options}
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
def test_tokens_are_those_of_the_processor_path(method: str, mode: str) -> None:
    model = tiny_model("llama")
    joint = generate(model, METHODS[method](model), custom_generate=batched_views, **MODES[mode])
    assert joint.tolist() == generate(model, METHODS[method](model), **MODES[mode]).tolist()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["greedy", "5 beams"])
def test_families(family: str, mode: str) -> None:
    model = tiny_model(family)
    joint = generate(model, METHODS["cad"](model), custom_generate=batched_views, **MODES[mode])
    assert joint.tolist() == generate(model, METHODS["cad"](model), **MODES[mode]).tolist()


def test_there_is_one_forward_a_token() -> None:
    model = tiny_model("llama")
    shapes = []
    hook = model.register_forward_pre_hook(
        lambda _, __, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    try:
        generate(model, METHODS["cad"](model), custom_generate=batched_views)
    finally:
        hook.remove()
    assert shapes[-NEW - 1 :] == [(4, 9), (4, 12)] + [(8, 1)] * (NEW - 1), "after the trial"


@pytest.mark.parametrize("mode", ["greedy", "sampling", "5 beams"])
def test_zero_strength_is_plain_decoding(mode: str) -> None:
    model = tiny_model("llama")
    zero = [CADLogitsProcessor(model, padded(CONTRASTS), strength=0.0)]
    joint = generate(model, zero, custom_generate=batched_views, **MODES[mode])
    assert joint.tolist() == generate(model, [], **MODES[mode]).tolist()


@pytest.mark.parametrize("mode", ["greedy", "sampling", "2 beams"])
def test_dictionaries_hold_what_generate_puts_there(mode: str) -> None:
    model = tiny_model("llama")
    options = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True, **MODES[mode]}
    joint = generate(model, METHODS["cad"](model), custom_generate=batched_views, **options)
    plain = generate(model, METHODS["cad"](model), **options)
    assert type(joint) is type(plain)
    assert joint[CACHE_NAME] is None
    for ours, theirs in zip(joint.scores + joint.logits, plain.scores + plain.logits, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)


def test_the_trace_is_recorded() -> None:
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS), strength=1.0, trace=True)
    joint, alone = make(), make()
    ours = joint.trace(generate(model, [joint], custom_generate=batched_views))
    theirs = alone.trace(generate(model, [alone]))
    torch.testing.assert_close(ours.main, theirs.main, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(ours.contrast, theirs.contrast, atol=2e-4, rtol=1e-4)


def test_one_object_serves_both_paths_in_turn() -> None:
    model = tiny_model("llama")
    processor = METHODS["cad"](model)
    expected = generate(model, METHODS["cad"](model)).tolist()
    for custom in (batched_views, None, batched_views, None):
        assert generate(model, processor, custom_generate=custom).tolist() == expected


def test_an_error_in_mid_generation_leaves_nothing_behind() -> None:
    model = tiny_model("llama")
    processor = CADLogitsProcessor(model, padded(CONTRASTS), strength=1.0)

    class StopError(Exception):
        pass

    def interrupt(input_ids, scores, **_):
        raise StopError

    with pytest.raises(StopError):
        generate(model, [processor], custom_generate=batched_views, stopping_criteria=[interrupt])
    assert generate(model, [processor]).tolist() == generate(model, METHODS["cad"](model)).tolist()


def test_the_cache_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    caches = []
    original = BatchedSequences.prefill_prompts

    def prefill(self, *arguments):
        result = original(self, *arguments)
        caches.append(weakref.ref(self._state[CACHE_NAME]))
        return result

    monkeypatch.setattr(BatchedSequences, "prefill_prompts", prefill)
    model = tiny_model("llama")
    processor = METHODS["cad"](model)
    generate(model, processor, custom_generate=batched_views)
    gc.collect()
    assert len(caches) == 1
    assert caches[0]() is None


@pytest.mark.parametrize("name", ["streamer", "token_streamer"])
def test_a_streamer_sees_every_token(name: str) -> None:
    model = tiny_model("llama")
    streamer = Recorder()
    processors = [CADLogitsProcessor(model, padded(CONTRASTS[:1]), strength=1.0)]
    output = generate(model, processors, PROMPTS[:1], custom_generate=batched_views, **{name: streamer})
    assert streamer.tokens == output[0].tolist()
    assert streamer.ended


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_implementation": "static"}, "`cache_implementation='static'`"),
        ({"prefill_chunk_size": 2}, "`prefill_chunk_size`"),
        ({"assistant_model": tiny_model("llama", seed=7)}, "`assistant_model`"),
        ({"token_type_ids": torch.ones(4, 9, dtype=torch.long)}, "`token_type_ids` of some views and not of others"),
        ({"output_hidden_states": True, "return_dict_in_generate": True}, "`output_hidden_states`"),
        ({"output_attentions": True, "return_dict_in_generate": True}, "`output_attentions`"),
        ({"position_ids": torch.arange(9).repeat(4, 1)}, "`position_ids` of your own"),
    ],
)
def test_what_it_cannot_serve_is_refused_by_name(options: dict, message: str) -> None:
    model = tiny_model("gpt2" if "token_type_ids" in options else "llama")
    with pytest.raises(ValueError, match=f"batched_views cannot serve {message}"):
        generate(model, METHODS["cad"](model), custom_generate=batched_views, **options)


def test_encoder_decoder_models_are_refused_by_name() -> None:
    model = tiny_model("t5")
    with pytest.raises(ValueError, match="the encoder-decoder model T5ForConditionalGeneration"):
        generate(model, [CADLogitsProcessor(model, padded(CONTRASTS), strength=1.0)], custom_generate=batched_views)
