"""What processors keep, and for how long; copies of processors and of models that carry their hooks."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import weakref
from typing import Any

import pytest
import torch
from counterfoil.decoding import batched_views, contrastive_search
from counterfoil.decoding.views.forward_recorder import CACHE_NAME
from torch import Tensor
from transformers import DynamicCache

from tests.support.kinds_of_views import MAKE, PROMPTS, generate, greedy_loop
from tests.support.tiny_models import tiny_model


@pytest.mark.parametrize("custom", [None, batched_views, contrastive_search])
def test_the_logits_of_the_prefill_are_not_kept(custom: Any) -> None:
    model = tiny_model("llama")
    first: list[Any] = []
    alive: list[bool] = []

    def look(_: object, __: object, output: Any) -> None:
        if not first:
            first.append(weakref.ref(output.logits))

    def stop(input_ids: Tensor, scores: object, **_: object) -> Tensor:
        alive.append(first[0]() is not None)
        return torch.zeros(len(input_ids), dtype=torch.bool)

    handle = model.register_forward_hook(look)
    try:
        generate(model, PROMPTS, MAKE["cad"](model), custom_generate=custom, stopping_criteria=[stop], logits_to_keep=0)
    finally:
        handle.remove()
    assert not any(alive[1:])


def kept_by(processor: Any) -> Any:
    return processor._call.current._states


def test_the_contrasts_cache_goes_when_generate_returns() -> None:
    model = tiny_model("llama")
    processor, caches = MAKE["cad"](model), []

    def look(_: Tensor, scores: Tensor) -> Tensor:
        (state,) = kept_by(processor).values()
        caches.append(weakref.ref(state._sequences._state[CACHE_NAME]))
        return scores

    generate(model, PROMPTS, [processor, look])
    gc.collect()
    assert caches
    assert all(cache() is None for cache in caches)


def test_it_goes_with_the_main_cache_of_another_loop() -> None:
    model = tiny_model("llama")
    processor, cache = MAKE["cad"](model), DynamicCache(config=model.config)
    greedy_loop(model, PROMPTS[0], processor, cache=cache)
    assert kept_by(processor)
    del cache
    gc.collect()
    assert not kept_by(processor)


def test_a_processor_that_is_dropped_frees_its_cache_without_the_garbage_collector() -> None:
    model = tiny_model("llama")
    processor = MAKE["cad"](model)
    greedy_loop(model, PROMPTS[0], processor, cache=None)
    (state,) = kept_by(processor).values()
    cache = weakref.ref(state._sequences._state[CACHE_NAME])
    del state
    gc.disable()
    try:
        del processor
        assert cache() is None
    finally:
        gc.enable()


def test_reset_frees_the_cache_and_begins_anew() -> None:
    model = tiny_model("llama")
    processor = MAKE["cad"](model)
    found = greedy_loop(model, PROMPTS[0], processor, cache=None)
    processor.reset()
    assert processor._call.current is None
    assert greedy_loop(model, PROMPTS[0], processor, cache=None) == found


@pytest.mark.parametrize("method", MAKE)
def test_hooks_go_with_the_processor(method: str) -> None:
    model = tiny_model("llama", seed=3)
    before = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    processors = [MAKE[method](model) for _ in range(2)]
    generate(model, PROMPTS[:1], processors[0])
    assert len(model._forward_pre_hooks) == 1, "processors of one model share its hook"
    processors.clear()
    gc.collect()
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()] == before


@pytest.mark.parametrize("method", MAKE)
def test_a_copied_processor_is_a_fresh_one_of_the_same_model(method: str) -> None:
    model = tiny_model("llama")
    processor = MAKE[method](model)
    expected = generate(model, PROMPTS, processor)
    for copied in (copy.deepcopy(processor), copy.deepcopy([processor])[0]):
        assert copied._call is not processor._call
        assert copied._call.model is model
        assert generate(model, PROMPTS, copied) == expected


@pytest.mark.parametrize("method", MAKE)
def test_a_model_can_be_copied_and_saved_while_a_processor_lives(method: str) -> None:
    model = tiny_model("llama", seed=3)
    processor = MAKE[method](model)
    expected = generate(model, PROMPTS, processor)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), torch.load(buffer, weights_only=False)):
        assert generate(copied, PROMPTS, MAKE[method](copied)) == expected
    assert b"counterfoil" not in pickle.dumps(model), "a saved model opens where this package is not installed"
    assert generate(model, PROMPTS, processor) == expected
