"""Which generation a call of a processor belongs to: every loop, cache and order of calls, against a fresh object."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, ContrastiveDecodingLogitsProcessor
from counterfoil.decoding.views.forward_recorder import CACHE_NAME
from torch import Tensor
from transformers import (
    CompileConfig,
    DynamicCache,
    LogitsProcessor,
    LogitsProcessorList,
    MiniMaxConfig,
    MiniMaxForCausalLM,
    StaticCache,
)

from tests.support.kinds_of_views import CONTRAST, MAKE, NEW, PROMPTS, generate, greedy_loop
from tests.support.tiny_models import COMMON, tiny_model


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("method", MAKE)
def test_one_list_serves_several_prompts_of_a_loop_of_ones_own(method: str, cached: bool) -> None:
    model = tiny_model("llama")
    processors = LogitsProcessorList([MAKE[method](model)])
    for prompt in (PROMPTS[1], PROMPTS[0], PROMPTS[1]):
        found = greedy_loop(model, prompt, processors, cache="dynamic" if cached else None)
        assert found == generate(model, [prompt], MAKE[method](model))[0]


@pytest.mark.parametrize("method", MAKE)
def test_a_new_list_at_each_step_is_no_new_generation(method: str) -> None:
    model = tiny_model("llama")
    processor = MAKE[method](model)

    def call(ids: Tensor, scores: Tensor) -> Tensor:
        return LogitsProcessorList([processor])(ids, scores)

    found = greedy_loop(model, PROMPTS[0], call)
    assert found == generate(model, PROMPTS[:1], MAKE[method](model))[0]


@pytest.mark.parametrize("cached", [True, False])
def test_a_prompt_that_continues_the_last_output_begins_anew(cached: bool) -> None:
    model = tiny_model("llama")
    processor = MAKE["cad"](model)
    first = generate(model, PROMPTS[:1], processor, use_cache=cached)[0]
    longer = PROMPTS[0] + first
    again = generate(model, [longer], processor, use_cache=cached)
    assert again == generate(model, [longer], MAKE["cad"](model), use_cache=cached)


def test_so_it_does_with_the_cache_of_the_last_output() -> None:
    model = tiny_model("llama")

    def twice(processor: Any, other: Any) -> list[int]:
        cache = DynamicCache(config=model.config)
        first = generate(model, PROMPTS[:1], processor, **{CACHE_NAME: cache})[0]
        return generate(model, [PROMPTS[0] + first], other, **{CACHE_NAME: cache})[0]

    used = MAKE["cad"](model)
    assert twice(used, used) == twice(MAKE["cad"](model), MAKE["cad"](model))


@pytest.mark.parametrize("method", ["cad", "cut context", "dola"])
def test_a_cache_with_a_shared_beginning_is_followed(method: str) -> None:
    model = tiny_model("llama")
    expected = generate(model, PROMPTS[:1], MAKE[method](model))
    processor = MAKE[method](model)
    for _ in range(2):
        cache = DynamicCache(config=model.config)
        with torch.no_grad():
            model(torch.tensor([PROMPTS[0][:5]]), **{CACHE_NAME: cache})
        assert generate(model, PROMPTS[:1], processor, **{CACHE_NAME: copy.deepcopy(cache)}) == expected
        assert greedy_loop_from(model, PROMPTS[0], cache, processor) == expected[0]


@torch.no_grad()
def greedy_loop_from(model: Any, prompt: list[int], cache: Any, processor: Any) -> list[int]:
    ids, read = torch.tensor([prompt]), cache.get_seq_length()
    for _ in range(NEW):
        scores = model(input_ids=ids[:, read:], use_cache=True, **{CACHE_NAME: cache}).logits[:, -1].float()
        read = ids.shape[1]
        ids = torch.cat([ids, processor(ids, scores).argmax(-1, keepdim=True)], -1)
    return ids[0, len(prompt) :].tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"prefill_chunk_size": 2},
        {"cache_implementation": "static"},
        {"cache_implementation": "static", "compile_config": "everywhere"},
        {"cache_implementation": "static", "compile_config": "everywhere, one graph"},
        {"use_cache": False},
        {"guidance_scale": 2.0},
    ],
)
@pytest.mark.parametrize("method", ["cad", "cut context"])
def test_the_padding_of_the_main_prompts_is_seen(method: str, options: dict[str, Any]) -> None:
    model = tiny_model("llama", seed=9)
    if "compile_config" in options:
        config = CompileConfig(backend="eager", mode=None, fullgraph="one graph" in options["compile_config"])
        config._compile_all_devices = True  # type: ignore[attr-defined]
        options = {**options, "compile_config": config}
    together = generate(model, PROMPTS, MAKE[method](model), **options)
    alone = [generate(model, [prompt], MAKE[method](model), **options)[0] for prompt in PROMPTS]
    assert together == alone


@pytest.mark.parametrize(("compiled", "methods"), [("model", ["cad", "cut context"]), ("layers", ["cad", "dola"])])
def test_a_compiled_model_is_followed(compiled: str, methods: list[str]) -> None:
    torch.compiler.reset()
    model = tiny_model("llama", seed=10, num_hidden_layers=3)
    expected = [generate(model, PROMPTS, MAKE[method](model)) for method in methods]
    model = copy.deepcopy(model)
    for module in [model] if compiled == "model" else model.model.layers:
        module.compile(backend="eager")
    assert [generate(model, PROMPTS, MAKE[method](model)) for method in methods] == expected


@pytest.mark.parametrize("method", MAKE)
def test_a_static_cache_that_is_reset_begins_anew(method: str) -> None:
    model = tiny_model("llama")
    cache, processor = StaticCache(config=model.config, max_cache_len=32), MAKE[method](model)
    for prompt in (PROMPTS[0], PROMPTS[1], [7]):
        cache.reset()
        assert greedy_loop(model, prompt, processor, cache=cache) == generate(model, [prompt], MAKE[method](model))[0]


def test_a_generation_inside_another_is_one_of_its_own() -> None:
    model = tiny_model("llama")
    expected = generate(model, PROMPTS[:1], MAKE["cad"](model)), generate(model, PROMPTS[1:2], MAKE["cad"](model))
    shared, inner = MAKE["cad"](model), []

    class Ask(LogitsProcessor):
        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            if input_ids.shape[1] == len(PROMPTS[0]) + 2:
                inner.append(generate(model, PROMPTS[1:2], shared))
            return scores

    assert generate(model, PROMPTS[:1], [Ask(), shared]) == expected[0]
    assert inner == [expected[1]]


@torch.no_grad()
def test_loops_that_take_turns_with_one_processor_are_refused_by_name() -> None:
    model = tiny_model("llama")
    processor = MAKE["cad"](model)
    caches = [DynamicCache(config=model.config) for _ in range(2)]
    ids = [torch.tensor([prompt]) for prompt in PROMPTS[:2]]

    def step(i: int, read: Tensor) -> None:
        scores = model(input_ids=read, use_cache=True, **{CACHE_NAME: caches[i]}).logits[:, -1].float()
        ids[i] = torch.cat([ids[i], processor(ids[i], scores).argmax(-1, keepdim=True)], -1)

    step(0, ids[0])
    step(1, ids[1])
    message = "CADLogitsProcessor cannot follow this call: another generation has come between its steps"
    with pytest.raises(ValueError, match=message):
        step(0, ids[0][:, -1:])


@torch.no_grad()
@pytest.mark.parametrize("read_before", [0, 7])
def test_a_loop_that_scores_several_tokens_of_one_forward_is_refused_by_name(read_before: int) -> None:
    model = tiny_model("llama")
    processor, cache = MAKE["cad"](model), DynamicCache(config=model.config)
    ids = torch.tensor([PROMPTS[0]])
    if read_before:
        logits = model(input_ids=ids[:, :read_before], **{CACHE_NAME: cache}).logits.float()
        processor(ids[:, :read_before], logits[:, -1])
    logits = model(input_ids=ids[:, read_before:], **{CACHE_NAME: cache}).logits.float()
    with pytest.raises(ValueError, match="scores several tokens a step"):
        processor(ids[:, :8], logits[:, 7 - read_before])


def test_a_loop_that_skips_the_scores_of_some_tokens_is_followed() -> None:
    model = tiny_model("llama")
    prompt = PROMPTS[0]
    (expected,) = generate(model, [prompt], MAKE["cad"](model))
    processor, cache = MAKE["cad"](model), DynamicCache(config=model.config)
    whole, read = torch.tensor([prompt + expected]), 0
    with torch.no_grad():
        for length in (len(prompt), len(prompt) + 3, len(prompt) + 5):
            scores = model(input_ids=whole[:, read:length], **{CACHE_NAME: cache}).logits[:, -1].float()
            assert int(processor(whole[:, :length], scores).argmax()) == expected[length - len(prompt)]
            read = length


@pytest.mark.parametrize("options", [{"prompt_lookup_num_tokens": 2}, {"assistant_model": tiny_model("llama", seed=7)}])
@pytest.mark.parametrize("method", MAKE)
def test_assisted_decoding_is_refused_by_name(method: str, options: dict[str, Any]) -> None:
    model = tiny_model("llama")
    processor = MAKE[method](model)
    with pytest.raises(ValueError, match=f"{type(processor).__name__} cannot follow this call: assisted decoding"):
        generate(model, PROMPTS[:1], processor, **options)


@pytest.mark.parametrize("method", MAKE)
def test_threads_may_share_a_processor(method: str) -> None:
    model = tiny_model("llama", seed=8)
    expected = [generate(model, [prompt], MAKE[method](model)) for prompt in PROMPTS]
    shared = MAKE[method](model)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda prompt: generate(model, [prompt], shared), PROMPTS)) == expected


def test_each_thread_has_a_trace_that_knows_its_sequences() -> None:
    model = tiny_model("llama", seed=8)
    shared = CADLogitsProcessor(model, CONTRAST, trace=True)

    def traced(prompt: list[int]) -> bool:
        sequences = model.generate(
            torch.tensor([prompt]), logits_processor=[shared], max_new_tokens=NEW, do_sample=False
        )
        try:
            return shared.trace(sequences).main.shape == (1, NEW)
        except ValueError:  # another generation began after this one
            return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(traced, PROMPTS * 3))


def test_a_model_that_is_not_the_one_that_generates_is_refused_where_its_padding_is_needed() -> None:
    model, another = tiny_model("llama"), tiny_model("llama", seed=4)
    processor = ContrastiveDecodingLogitsProcessor(another, tiny_model("gpt2", seed=5))
    with pytest.raises(ValueError, match="`model` has to be the model that generates"):
        generate(model, PROMPTS, processor)


@torch.no_grad()
@pytest.mark.parametrize("loop", ["generate", "own"])
def test_a_cache_that_does_not_count_its_tokens_is_followed(loop: str) -> None:
    torch.manual_seed(0)
    config = MiniMaxConfig(
        **{**COMMON, "layer_types": ["linear_attention", "full_attention"] * 2, "block_size": 8, "num_local_experts": 2}
    )
    model, prompt = MiniMaxForCausalLM(config).eval(), PROMPTS[0]
    model.generation_config.eos_token_id = None
    expected, contrast = list(prompt), CONTRAST["input_ids"][0].tolist()
    for _ in range(NEW):
        main = model(torch.tensor([expected]), use_cache=False).logits[0, -1]
        other = model(torch.tensor([contrast + expected[len(prompt) :]]), use_cache=False).logits[0, -1]
        expected.append(int((2 * main.double() - other.double()).argmax()))
    processor = CADLogitsProcessor(model, CONTRAST, strength=1.0)
    if loop == "generate":
        assert generate(model, [prompt], processor) == [expected[len(prompt) :]]
        return
    ids, cache = torch.tensor([prompt]), None
    for step in range(NEW):
        outputs = model(ids if step == 0 else ids[:, -1:], use_cache=True, **{CACHE_NAME: cache})
        cache = outputs[CACHE_NAME]
        ids = torch.cat([ids, processor(ids, outputs.logits[:, -1].float()).argmax(-1, keepdim=True)], -1)
    assert ids[0].tolist() == expected
