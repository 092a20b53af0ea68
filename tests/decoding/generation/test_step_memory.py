"""What a step spares: copies of the cache, and attention to padding. Neither changes what is computed."""

from __future__ import annotations

import itertools

import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, batched_views
from counterfoil.decoding.generation import unpadded_attention
from counterfoil.decoding.generation.growing_layer import SPARE, GrowingLayer, let_grow
from counterfoil.decoding.generation.unpadded_attention import UnpaddedAttention, stretches_of
from counterfoil.decoding.search.packed_attention import own_implementation
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from tests.support.tiny_models import padded, random_prompts, tiny_model

ROWS, HEADS, WIDTH = 3, 2, 4


def states(new: int, rows: int = ROWS) -> torch.Tensor:
    return torch.randn(rows, HEADS, new, WIDTH)


@given(st.lists(st.tuples(st.sampled_from(["update", "crop", "reorder", "repeat"]), st.integers(0, 70)), max_size=12))
def test_a_growing_layer_holds_what_transformers_layer_holds(actions: list[tuple[str, int]]) -> None:
    plain = DynamicLayer()
    plain.update(states(5), states(5))
    growing = GrowingLayer(plain)
    for action, number in actions:
        rows = len(plain.keys)
        if action == "update" and number:
            new = states(number, rows), states(number, rows)
            for ours, theirs in zip(growing.update(*new), plain.update(*new), strict=True):
                assert torch.equal(ours, theirs)
        elif action == "crop":
            count = min(number, plain.get_seq_length() - 1)
            for layer in (plain, growing):
                layer.crop(-count)
        elif action == "reorder":
            index = torch.arange(rows).roll(number)
            for layer in (plain, growing):
                layer.reorder_cache(index)
        elif action == "repeat" and rows < 12:
            for layer in (plain, growing):
                layer.batch_repeat_interleave(2)
        assert growing.get_seq_length() == plain.get_seq_length()
        assert torch.equal(growing.keys, plain.keys)
        assert torch.equal(growing.values, plain.values)


def test_tokens_are_written_where_they_stay() -> None:
    plain = DynamicLayer()
    plain.update(states(5), states(5))
    layer = GrowingLayer(plain)
    layer.update(states(1), states(1))
    places = set()
    for _ in range(SPARE - 1):
        places.add(layer.update(states(1), states(1))[0].data_ptr())
    assert len(places) == 1


def test_layers_with_windows_are_left_as_they_are() -> None:
    cache = DynamicCache(config=tiny_model("gemma3_text").config)
    for index in range(len(cache.layers)):
        cache.update(states(5), states(5), index)
    let_grow(cache)
    assert [type(layer) for layer in cache.layers] == [DynamicSlidingWindowLayer, GrowingLayer] * 2


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_stretches_are_rows_of_equal_padding(padding: list[int]) -> None:
    visible = torch.arange(7) >= torch.tensor(padding)[:, None]
    stretches = stretches_of(visible)
    assert stretches is not None
    assert [first for rows, first in stretches for _ in range(rows.start, rows.stop)] == padding
    assert all(one[1] != two[1] for one, two in itertools.pairwise(stretches))


@pytest.mark.parametrize("row", [[1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]])
def test_rows_that_do_not_see_their_end_or_have_holes_keep_their_mask(row: list[int]) -> None:
    assert stretches_of(torch.tensor([[0, 1, 1], row], dtype=torch.bool)) is None


class Layer(torch.nn.Module):
    num_key_value_groups = 3
    is_causal = True


@pytest.mark.parametrize("new", [1, 4])
@pytest.mark.parametrize("padding", [[0, 0, 3], [5, 0, 2], [0, 0, 0], [4, 4, 4]])
@pytest.mark.parametrize("window", [None, 6])
def test_attention_is_that_of_the_mask(new: int, padding: list[int], window: int | None) -> None:
    torch.manual_seed(0)
    columns, query = 11, torch.randn(len(padding), 6, new, 8)
    key, value = torch.randn(len(padding), 2, columns, 8), torch.randn(len(padding), 2, columns, 8)
    at = torch.arange(columns - new, columns)[:, None]
    seen = (torch.arange(columns) <= at) & (torch.arange(columns) > at - (window or columns + new))
    mask = (seen & (torch.arange(columns) >= torch.tensor(padding)[:, None, None]))[:, None]
    found = unpadded_attention._Attention()(Layer(), query, key, value, mask, scaling=0.3)[0]
    expected = unpadded_attention.sdpa_attention_forward(Layer(), query, key, value, mask, scaling=0.3)[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"prompt_lookup_num_tokens": 3}])
def test_steps_of_padded_rows_read_no_padding(options: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    prompts, contrasts = random_prompts([30, 28], seed=61), random_prompts([5, 4], seed=62)
    cad = CADLogitsProcessor(model, padded(contrasts), strength=1.0)
    expected = model.generate(**padded(prompts), logits_processor=[cad], max_new_tokens=5, do_sample=False)
    whole: list[object] = []
    own = unpadded_attention.sdpa_attention_forward
    monkeypatch.setattr(
        unpadded_attention,
        "sdpa_attention_forward",
        lambda *given, **named: whole.append(given) or own(*given, **named),
    )
    found = model.generate(
        **padded(prompts),
        logits_processor=[cad],
        custom_generate=batched_views,
        max_new_tokens=5,
        do_sample=False,
        **options,
    )
    assert found.tolist() == expected.tolist()
    assert not whole, "every step of padded rows was attended to in stretches"
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_models_attention_is_back_after_an_error(implementation: str) -> None:
    model = tiny_model("llama")
    before = model.config._attn_implementation
    model.set_attn_implementation(implementation)
    try:
        with pytest.raises(KeyError), UnpaddedAttention(model).enabled():
            raise KeyError
        assert own_implementation(model.config) == model.config._attn_implementation == implementation
    finally:
        model.set_attn_implementation(before)
