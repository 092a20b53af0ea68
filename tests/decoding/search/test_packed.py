"""The parts of a packed step: mask, cache, history, attention, each against its plain counterpart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from counterfoil.decoding.search.hidden_states import HiddenStateBuffer, LMHeadHook
from counterfoil.decoding.search.packed_attention import PackedMask, packed_attention_forward
from counterfoil.decoding.search.packed_cache import PackedCache
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from transformers import DynamicCache

from tests.support.tiny_models import tiny_model


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.integers(1, 3), st.integers(1, 40), st.data())
def test_each_candidate_sees_the_prefix_and_itself(
    batch: int, prompt: int, width: int, repeats: int, steps: int, data: st.DataObject
) -> None:
    padding = [data.draw(st.integers(0, prompt - 1)) for _ in range(batch)]
    mask = torch.tensor([[0] * pads + [1] * (prompt - pads) for pads in padding])
    packed = PackedMask(
        mask if any(padding) else None, batch_size=batch, prompt_length=prompt, width=width, repeats=repeats,
        budget=4, dtype=torch.float32, device=torch.device("cpu"),
    )  # fmt: skip
    for length in range(prompt, prompt + steps):
        packed.move_to(length)
    visible = data.draw(st.integers(0, length))
    view = packed.view(visible)
    prefix = torch.cat((mask, torch.ones(batch, length - prompt, dtype=torch.long)), 1)[:, length - visible :].bool()
    rows = torch.cat((prefix[:, None].expand(-1, width, -1), torch.eye(width).bool().expand(batch, -1, -1)), 2)
    assert view.shape == (batch, 1, repeats * width, visible + width)
    assert torch.equal(view[:, 0] == 0, rows.repeat(1, repeats, 1))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["llama", "mistral", "gemma3_text"]), st.integers(1, 20), st.integers(1, 4), st.data())
def test_the_cache_keeps_what_a_dynamic_cache_would(family: str, prompt: int, width: int, data: st.DataObject) -> None:
    config = tiny_model(family).config
    packed, plain = PackedCache(config, width, budget=2), DynamicCache(config=config)
    for chunk in range(data.draw(st.integers(1, 2))):
        for layer in range(config.num_hidden_layers):
            keys, values = torch.randn(2, 2, 2, prompt, 8)
            seen = [cache.update(keys, values, layer) for cache in (packed, plain)]
            assert all(torch.equal(mine, theirs) for mine, theirs in zip(*seen, strict=True)), f"chunk {chunk}"
    for _ in range(data.draw(st.integers(1, 40))):
        chosen = torch.tensor([data.draw(st.integers(0, width - 1)) for _ in range(2)])
        packed.begin_step()
        for layer in range(config.num_hidden_layers):
            keys, values = torch.randn(2, 2, 2, width, 8)
            shown, _ = packed.update(keys, values, layer)
            kept = [states[torch.arange(2), :, chosen][:, :, None] for states in (keys, values)]
            expected, _ = plain.update(kept[0], kept[1], layer)
            assert torch.equal(shown[:, :, :-width], expected[:, :, :-1])
            assert torch.equal(shown[:, :, -width:], keys)
        packed.end_step(chosen)
        assert packed.get_seq_length() == plain.get_seq_length()


def test_the_hook_ignores_the_forwards_of_another_thread() -> None:
    head, states = nn.Linear(4, 5), torch.randn(1, 3, 4)
    with (
        LMHeadHook(head).attached() as hook,
        hook.selecting(lambda hidden: hidden[:, -1:]),
        ThreadPoolExecutor(1) as other,
    ):
        assert other.submit(head, states).result().shape == (1, 3, 5)
        assert head(states).shape == (1, 1, 5)


@pytest.mark.parametrize("group", [1, 2, 3])
def test_grouped_attention_equals_repeated_heads(group: int) -> None:
    torch.manual_seed(1)
    query, key, value = torch.randn(2, 2 * group, 4, 8), torch.randn(2, 2, 9, 8), torch.randn(2, 2, 9, 6)
    mask = torch.where(torch.rand(2, 1, 4, 9) < 0.6, 0.0, torch.finfo(torch.float32).min)
    mask[..., 0] = 0
    module = nn.Module()
    module.num_key_value_groups = group  # pyright: ignore
    output, weights = packed_attention_forward(module, query, key, value, mask.repeat(1, 1, group, 1), scaling=0.3)
    repeated = (states.repeat_interleave(group, dim=1) for states in (key, value))
    expected = functional.scaled_dot_product_attention(query, *repeated, attn_mask=mask, scale=0.3).transpose(1, 2)
    torch.testing.assert_close(output, expected)
    assert weights is None


def test_the_history_is_appended_to_and_not_copied() -> None:
    history = HiddenStateBuffer(torch.tensor([[0, 1, 1], [1, 1, 1]]), budget=3)
    states = torch.randn(2, 9, 4)
    history.append(states[:, :3])
    address = history.states.data_ptr()
    for step in range(3, 6):
        history.append(states[:, step : step + 1])
        assert history.states.data_ptr() == address
    for step in range(6, 9):
        history.append(states[:, step : step + 1])
    torch.testing.assert_close(history.states, functional.normalize(states, dim=-1))
    assert history.mask is not None
    assert history.mask.tolist() == [[False] + [True] * 8, [True] * 9]


def test_without_padding_there_is_no_mask_over_the_history() -> None:
    history = HiddenStateBuffer(None, budget=1)
    history.append(torch.randn(1, 2, 4))
    assert history.mask is None
