"""Prompts that are read apart and continued together: the logits of each alone, and no padding read."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, CIDLogitsProcessor, DoLaLogitsProcessor, batched_views
from counterfoil.decoding.generation.cache_rows import check_known_layers
from counterfoil.decoding.generation.side_by_side import _read_apart, _read_begun
from counterfoil.decoding.prompts.prompt import as_prompt
from counterfoil.decoding.views.probes import why_beginnings_differ, why_rows_differ
from peft import PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import DynamicCache

from tests.support.families import WINDOW, tiny_family
from tests.support.reference import next_logits
from tests.support.tiny_models import padded, random_prompts, tiny_model

NEW = 6
# Full attention, learned positions, ALiBi, windows, chunks, recurrent and convolutional states, latent attention.
APART = ["llama", "gpt2", "opt", "bloom", "mistral", "gemma3_text", "llama4_text", "qwen3_next", "lfm2", "deepseek_v3"]
NOT_BEGUN = ["mistral", "gemma3_text", "llama4_text", "qwen3_next", "lfm2"]  # more than full attention
SHARED = random_prompts([60], seed=51)[0]
TAILS, OTHER_TAILS = random_prompts([9, 4, 7, 12], seed=52), random_prompts([9, 6, 2, 7], seed=53)


def forwards_of(model: Any, run: Any) -> tuple[list[tuple[int, ...]], Any]:
    shapes: list[tuple[int, ...]] = []
    hook = model.register_forward_pre_hook(
        lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    try:
        return shapes, run()
    finally:
        hook.remove()


def generate(model: Any, prompts: list[list[int]], *processors: Any, **options: Any) -> list[list[int]]:
    torch.manual_seed(0)
    inputs = padded(prompts)
    given = {"max_new_tokens": NEW, "do_sample": False, **options}
    output = model.generate(**inputs, logits_processor=list(processors), **given)
    return output[:, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize("family", APART)
@pytest.mark.parametrize("lengths", [[WINDOW + 8, 5], [9, 2 * WINDOW + 8], [5, WINDOW + 8, 3]])
def test_rows_are_those_of_each_prompt_alone(family: str, lengths: list[int]) -> None:
    model = tiny_family(family)
    prompts = random_prompts(lengths, seed=54)
    new = random_prompts([NEW] * len(prompts), seed=55)
    sequences, logits = _read_apart(model, [as_prompt(padded([prompt]), "prompt") for prompt in prompts])
    check_known_layers(sequences.cache)
    for step in range(NEW):
        for row, prompt in enumerate(prompts):
            expected = torch.tensor(next_logits(model, prompt + new[row][:step]))
            torch.testing.assert_close(logits[row].double(), expected, atol=2e-3, rtol=1e-3)
        logits = sequences.step(torch.tensor([tokens[step : step + 1] for tokens in new]))


@pytest.mark.parametrize("family", [*APART, "qwen3"])
def test_models_with_known_layers_pass_the_trial(family: str) -> None:
    model = tiny_family(family)
    assert why_rows_differ(model, [WINDOW + 8, 5], _read_apart) is None
    assert (why_beginnings_differ(model, _read_begun) is None) == (family not in NOT_BEGUN)


@pytest.mark.parametrize("family", ["minimax", "rwkv"])
def test_other_caches_are_refused_by_name(family: str) -> None:
    model = tiny_family(family)
    assert why_rows_differ(model, [9, 5], _read_apart)
    assert why_beginnings_differ(model, _read_begun)


def test_a_layer_that_is_not_known_is_refused_by_name() -> None:
    class OtherLayer(type(DynamicCache(config=tiny_model("llama").config).layers[0])):
        pass

    cache = DynamicCache(config=tiny_model("llama").config)
    cache.layers[1] = OtherLayer()
    with pytest.raises(ValueError, match="layers of known kinds to be put beside another, but has OtherLayer"):
        check_known_layers(cache)


def test_no_padding_is_read() -> None:
    model = tiny_model("llama")
    prompt, contrast = random_prompts([40, 6], seed=56)
    cad = CADLogitsProcessor(model, padded([contrast]), strength=1.0)
    generate(model, [prompt], cad, custom_generate=batched_views)  # the trial
    shapes, found = forwards_of(model, lambda: generate(model, [prompt], cad, custom_generate=batched_views))
    assert shapes == [(1, 40), (1, 6)] + [(2, 1)] * (NEW - 1)
    assert found == generate(model, [prompt], cad)


def test_prompts_of_one_length_are_read_in_one_forward() -> None:
    model = tiny_model("llama")
    prompts, contrasts = random_prompts([40] * 4, seed=57), random_prompts([40] * 4, seed=58)
    cad = CADLogitsProcessor(model, padded(contrasts), strength=1.0)
    shapes, found = forwards_of(model, lambda: generate(model, prompts, cad, custom_generate=batched_views))
    assert shapes == [(8, 40)] + [(8, 1)] * (NEW - 1)
    assert found == generate(model, prompts, cad)


METHODS = {
    "cad": lambda m, contrasts: [CADLogitsProcessor(m, padded(contrasts), strength=1.0)],
    "two views and layers": lambda m, contrasts: [
        CADLogitsProcessor(m, padded(contrasts), strength=0.5),
        CIDLogitsProcessor(m, padded(random_prompts([3] * len(contrasts), seed=59)), strength=10.0),
        DoLaLogitsProcessor(m, "low"),
    ],
}
MODES = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.8, "top_p": 0.9},
    "several samples": {"do_sample": True, "num_return_sequences": 3},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
}


@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom", "opt", "mistral", "qwen3_next"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
def test_a_shared_beginning_changes_no_token(family: str, method: str, mode: str) -> None:
    model = tiny_model(family)
    if method != "cad" and family != "llama":
        return
    prompts, contrasts = [SHARED + tail for tail in TAILS], [SHARED + tail for tail in OTHER_TAILS]
    found = generate(model, prompts, *METHODS[method](model, contrasts), custom_generate=batched_views, **MODES[mode])
    assert found == generate(model, prompts, *METHODS[method](model, contrasts), **MODES[mode])


def test_a_shared_beginning_is_read_once() -> None:
    model = tiny_model("llama")
    cad = CADLogitsProcessor(model, padded([SHARED + OTHER_TAILS[0]]), strength=1.0)
    run = functools.partial(generate, model, [SHARED + TAILS[0]], cad, custom_generate=batched_views)
    run()  # the trial
    shapes, found = forwards_of(model, run)
    assert shapes[-NEW:] == [(2, 9)] + [(2, 1)] * (NEW - 1)
    assert found == generate(model, [SHARED + TAILS[0]], cad)


def test_a_short_beginning_is_read_twice() -> None:
    model = tiny_model("llama")
    cad = CADLogitsProcessor(model, padded([SHARED[:20] + OTHER_TAILS[0]]), strength=1.0)
    shapes, _ = forwards_of(
        model, lambda: generate(model, [SHARED[:20] + TAILS[0]], cad, custom_generate=batched_views)
    )
    assert shapes[0] == (2, 29)


def test_scores_and_trace_behind_a_shared_beginning() -> None:
    model = tiny_model("llama")
    prompts, contrasts = [SHARED + tail for tail in TAILS], [SHARED + tail for tail in OTHER_TAILS]
    found = []
    for custom in (batched_views, None):
        cad = CADLogitsProcessor(model, padded(contrasts), strength=1.0, trace=True)
        options = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
        output = model.generate(
            **padded(prompts),
            logits_processor=[cad],
            custom_generate=custom,
            max_new_tokens=NEW,
            do_sample=False,
            **options,
        )
        found.append((output, cad.trace(output)))
    (ours, trace), (theirs, expected) = found
    for own, other in zip(ours.scores + ours.logits, theirs.scores + theirs.logits, strict=True):
        torch.testing.assert_close(own, other, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(trace.main, expected.main, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(trace.contrast, expected.contrast, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", [PrefixTuningConfig, PromptTuningConfig])
def test_prompts_that_peft_puts_in_front_stay_there(kind: Any) -> None:
    torch.manual_seed(0)
    config = kind(task_type="CAUSAL_LM", num_virtual_tokens=4)
    model = get_peft_model(copy.deepcopy(tiny_model("llama")), config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "prompt_encoder" in name:
                parameter.normal_(0, 0.25)
    prompts, contrasts = random_prompts([14, 20], seed=60), random_prompts([5, 3], seed=61)
    cad = CADLogitsProcessor(model, padded(contrasts), strength=1.0)
    assert generate(model, prompts, cad, custom_generate=batched_views) == generate(model, prompts, cad)
