"""The parts of contrastive search in vLLM by themselves."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("vllm", reason="vLLM is not installed")

from counterfoil.decoding.methods import ContrastiveSearch
from counterfoil.decoding.vllm import llm_kwargs
from counterfoil.decoding.vllm.contrast_params import SEARCH
from counterfoil.decoding.vllm.engine.kv_blocks import without_last_blocks
from counterfoil.decoding.vllm.engine_limits import SEARCH_CONFIG, SearchLimits
from counterfoil.decoding.vllm.search import compat, history
from counterfoil.decoding.vllm.search.config import PREFIX, PROCESSOR, SearchOverrides
from counterfoil.decoding.vllm.search.history import History
from counterfoil.decoding.vllm.search.metadata import candidate_metadata, joined, lengths_of, rows_alone
from counterfoil.decoding.vllm.search.scratch import Scratch
from counterfoil.decoding.vllm.search.seats import BatchSeats, SlotSeats
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig
from vllm import ModelRegistry, SamplingParams
from vllm.v1.attention.backend import CommonAttentionMetadata
from vllm.v1.kv_cache_interface import (
    FullAttentionSpec,
    KVCacheConfig,
    KVCacheGroupSpec,
    SlidingWindowSpec,
    UniformTypeKVCacheSpecs,
)
from vllm.v1.sample.logits_processor import BatchUpdate
from vllm.v1.sample.logits_processor.interface import MoveDirectionality

pytestmark = pytest.mark.engine


# The history.


def filled_history(blocks: int, size: int, width: int) -> History:
    config: Any = SimpleNamespace(
        model_config=SimpleNamespace(dtype=torch.float32),
        compilation_config=SimpleNamespace(static_forward_context={}),
    )
    made = History(config, "history.2", width)
    made.kv_cache = torch.zeros(blocks, 1, size, width)
    return made


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 19), min_size=1, max_size=4), st.integers(0, 2**31), st.sampled_from([1, 40, 1 << 26]))
def test_likeness_is_the_methods_over_the_tokens_of_a_row(lengths: list[int], seed: int, at_once: int) -> None:
    """However few numbers are read at a time."""
    generator = torch.Generator().manual_seed(seed)
    rows, k, width, size = len(lengths), 3, 4, 4
    made = filled_history(40, size, width)
    tables = torch.randperm(40, generator=generator)[: rows * 6].view(rows, 6)
    states = [torch.randn(length, width, generator=generator) for length in lengths]
    for table, hidden in zip(tables, states, strict=True):
        places = torch.arange(len(hidden))
        made.write(hidden, table[places // size] * size + places % size)
    candidates = torch.randn(rows, k, width, generator=generator)
    probabilities = torch.rand(rows, k, generator=generator)
    before, history.READ_AT_ONCE = history.READ_AT_ONCE, at_once
    try:
        likeness = made.likeness(candidates, tables, torch.tensor(lengths), max(lengths))
    finally:
        history.READ_AT_ONCE = before
    for row, hidden in enumerate(states):
        method = ContrastiveSearch(penalty_alpha=0.1 + row / 10)
        normal = torch.nn.functional.normalize(hidden, dim=-1)[None]
        expected = method.scores(probabilities[row : row + 1], candidates[row : row + 1], history=normal)
        torch.testing.assert_close(method.penalized(probabilities[row : row + 1], likeness[row : row + 1]), expected)


def test_padding_is_written_where_nobody_reads() -> None:
    made = filled_history(3, 4, 2)
    made.write(torch.ones(3, 2), torch.tensor([-1, 5, -1]))
    assert made.kv_cache[2].abs().sum() == 0
    assert made.kv_cache[1, 0, 1].tolist() == pytest.approx([0.5**0.5, 0.5**0.5])


# The rows of candidates.


def step(lengths: list[int], reading: list[int], size: int = 4) -> CommonAttentionMetadata:
    """A step of these requests; request r has the blocks 10r, 10r + 1, ..."""
    starts = torch.tensor([0, *torch.tensor(reading).cumsum(0).tolist()], dtype=torch.int32)
    places = torch.cat([torch.arange(length - n, length) for length, n in zip(lengths, reading, strict=True)])
    of = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(reading))
    seq_lens = torch.tensor(lengths, dtype=torch.int32)
    return CommonAttentionMetadata(
        query_start_loc=starts,
        query_start_loc_cpu=starts,
        seq_lens=seq_lens,
        seq_lens_cpu_upper_bound=seq_lens,
        num_reqs=len(lengths),
        num_actual_tokens=int(starts[-1]),
        max_query_len=max(reading),
        max_seq_len=max(lengths),
        block_table_tensor=torch.arange(len(lengths))[:, None] * 10 + torch.arange(6),
        slot_mapping=(of * 10 + places // size) * size + places % size,
        is_prefilling=torch.tensor([n > 1 for n in reading]),
    )


def test_a_candidate_is_its_request_but_for_the_last_block() -> None:
    common = step([4, 7, 3], [1, 3, 1])
    lengths = lengths_of(common)
    made = candidate_metadata(common, lengths, [0, 0, 2], torch.tensor([91, 92, 95]), 4)
    assert made.block_table_tensor[:, :2].tolist() == [[0, 91], [0, 92], [95, 21]]
    assert made.seq_lens.tolist() == [5, 5, 4]
    assert made.positions is not None
    assert made.positions.tolist() == [4, 4, 3]
    assert made.slot_mapping.tolist() == [91 * 4, 92 * 4, 95 * 4 + 3]
    assert common.block_table_tensor[0, :2].tolist() == [0, 1]

    others = rows_alone(common, lengths, [1], torch.tensor([1, 2, 3]))
    assert others.query_start_loc.tolist() == [0, 3]
    assert others.slot_mapping.tolist() == common.slot_mapping[1:4].tolist()
    both = joined(made, others)
    assert both.query_start_loc.tolist() == both.query_start_loc_cpu.tolist() == [0, 1, 2, 3, 6]
    assert both.seq_lens.tolist() == [5, 5, 4, 7]
    assert (both.num_reqs, both.num_actual_tokens, both.max_query_len, both.max_seq_len) == (4, 6, 3, 7)
    assert both.slot_mapping.tolist() == [*made.slot_mapping.tolist(), *others.slot_mapping.tolist()]
    assert both.block_table_tensor[3].tolist() == common.block_table_tensor[1].tolist()
    assert both.is_prefilling is not None
    assert both.is_prefilling.tolist() == [False, False, False, True]


def test_a_step_that_it_does_not_follow() -> None:
    common = step([4], [1])
    compat.check_step(common)
    with pytest.raises(RuntimeError, match="rswa_prefix_lens"):
        compat.check_step(common.replace(rswa_prefix_lens=torch.zeros(1)))


# Seats and groups.


def asking(top_k: int = 4, **options: Any) -> SamplingParams:
    return SamplingParams(temperature=0, extra_args={SEARCH: ContrastiveSearch(top_k=top_k)}, **options)


def test_seats_follow_the_rows_of_a_batch() -> None:
    seats = BatchSeats()
    outputs: list[int] = []
    added = [(0, asking(3), [1, 2], outputs), (1, SamplingParams(), [1], []), (2, asking(5, min_tokens=2), [1], [])]
    assert seats.update(BatchUpdate(3, [], added, [])) == []
    first, second = (seat for _, seat in seats.rows(SimpleNamespace(num_reqs=3)))
    outputs += [7, 8, 9]
    assert (first.top_k, first.needed(), first.changes_logits) == (3, 5, False)
    assert (second.top_k, second.changes_logits) == (5, True)
    assert seats.update(BatchUpdate(3, [], [], [(0, 1, MoveDirectionality.SWAP)])) == []
    assert [row for row, _ in seats.rows(SimpleNamespace(num_reqs=3))] == [1, 2]
    assert [row for row, _ in seats.rows(SimpleNamespace(num_reqs=2))] == [1]
    assert seats.update(BatchUpdate(2, [1], [], [(2, 1, MoveDirectionality.UNIDIRECTIONAL)])) == [first]
    assert seats.rows(SimpleNamespace(num_reqs=2)) == [(1, second)]


def test_seats_follow_slots_that_are_used_again() -> None:
    states = SimpleNamespace(prefill_len=SimpleNamespace(np=torch.tensor([0, 0, 9]).numpy()))
    seats = SlotSeats(states)
    seat, before = seats.put(2, asking())
    assert before is None
    assert seat is not None
    assert seat.needed() == 9
    rows = seats.rows(SimpleNamespace(req_idx=torch.tensor([1, 2]).numpy()))
    assert rows == [(1, seat)]
    assert seats.put(2, SamplingParams()) == (None, seat)
    assert not seats


def test_groups_lie_at_the_end_of_the_cache_and_belong_to_one() -> None:
    limits = SearchLimits(2, 3)
    scratch = Scratch(limits, 100, 8, torch.float32, torch.device("cpu"))
    groups = [scratch.take() for _ in range(3)]
    assert groups == [0, 1, None]
    every = {
        int(scratch.blocks(torch.tensor(group), torch.tensor(j)))
        for group in [0, 1, *scratch.spare]
        for j in range(limits.largest_top_k)
    }
    assert every == set(range(100 - limits.scratch_blocks, 100))
    scratch.give_back(1)
    assert (scratch.free, scratch.take()) == (1, 1)


# What is switched on, and what is refused.


def test_the_architecture_is_known_wherever_the_configuration_arrives() -> None:
    options = llm_kwargs(contrastive_search=True, largest_top_k=5, hf_overrides={"rope_theta": 5})
    assert options["logits_processors"][-1] == PROCESSOR
    overrides = options["hf_overrides"]
    config = overrides(AutoConfig.for_model("llama", architectures=["LlamaForCausalLM"]))
    assert config.architectures == [PREFIX + "LlamaForCausalLM"]
    assert (config.rope_theta, getattr(config, SEARCH_CONFIG)["largest_top_k"]) == (5, 5)
    assert overrides(config) is config
    sent = pickle.dumps(overrides)
    del ModelRegistry.models[PREFIX + "LlamaForCausalLM"]
    pickle.loads(sent)
    assert PREFIX + "LlamaForCausalLM" in ModelRegistry.get_supported_archs()


@pytest.mark.parametrize(
    ("kind", "architecture", "reason"),
    [
        ("t5", "T5ForConditionalGeneration", "an encoder-decoder model"),
        ("llava", "LlavaForConditionalGeneration", "reads more than text"),
        ("mamba", "MambaForCausalLM", "settings of its own"),
        ("llama", "CounterfoilExpertAndAmateur", "an engine with an amateur"),
        ("llama", "NobodysForCausalLM", "vLLM does not have"),
    ],
)
def test_kinds_of_models_that_are_refused(kind: str, architecture: str, reason: str) -> None:
    config = AutoConfig.for_model(kind, architectures=[architecture])
    with pytest.raises(ValueError, match=reason):
        SearchOverrides(SearchLimits())(config)


@pytest.mark.parametrize("name", ["search_requests", "largest_top_k"])
def test_numbers_out_of_range(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` has to be an integer of at least 1, but is 0"):
        llm_kwargs(contrastive_search=True, **{name: 0})


SOUND: dict[str, dict[str, Any]] = {
    "parallel_config": {
        "pipeline_parallel_size": 1, "decode_context_parallel_size": 1, "prefill_context_parallel_size": 1,
        "data_parallel_size": 1, "use_ubatching": False,
    },
    "model_config": {
        "is_moe": True, "enable_prompt_embeds": False, "use_mla": False, "is_hybrid": False,
        "is_attention_free": False, "get_vocab_size": lambda: 96, "hf_config": SimpleNamespace(counterfoil_search={}),
    },
    "cache_config": {"kv_offloading_size": None, "kv_sharing_fast_prefill": False},
    "scheduler_config": {"max_num_batched_tokens": 64},
}  # fmt: skip
ABSENT = ("lora_config", "speculative_config", "kv_transfer_config", "ec_transfer_config", "watermark_config")
UNSOUND = [
    ("lora_config", object(), "LoRA"),
    ("speculative_config", object(), "speculative decoding"),
    ("kv_transfer_config", object(), "connector"),
    ("watermark_config", object(), "watermarking"),
    ("parallel_config", {"pipeline_parallel_size": 2}, "pipeline parallelism"),
    ("parallel_config", {"decode_context_parallel_size": 2}, "context parallelism"),
    ("parallel_config", {"use_ubatching": True}, "two halves"),
    ("parallel_config", {"data_parallel_size": 2}, "mixture of experts"),
    ("cache_config", {"kv_offloading_size": 1.0}, "offloading"),
    ("cache_config", {"kv_sharing_fast_prefill": True}, "share a KV cache"),
    ("model_config", {"enable_prompt_embeds": True}, "embeddings"),
    ("model_config", {"use_mla": True}, "latent attention"),
    ("model_config", {"is_hybrid": True}, "recurrent layers"),
    ("scheduler_config", {"max_num_batched_tokens": 4}, "more than 4 candidates"),
]


def configured(part: str = "", change: Any = None) -> Any:
    parts: dict[str, Any] = {**dict.fromkeys(ABSENT), **SOUND}
    if part:
        parts[part] = {**SOUND[part], **change} if part in SOUND else change
    return SimpleNamespace(**{k: SimpleNamespace(**v) if isinstance(v, dict) else v for k, v in parts.items()})


def test_what_it_cannot_be_served_with() -> None:
    compat.check_configuration(configured())
    for part, change, reason in UNSOUND:
        with pytest.raises(ValueError, match=reason):
            compat.check_configuration(configured(part, change))


def cache_of(*groups: Any, blocks: int = 200) -> KVCacheConfig:
    return KVCacheConfig(
        num_blocks=blocks, kv_cache_tensors=[], kv_cache_groups=[KVCacheGroupSpec(["a"], spec) for spec in groups]
    )


def test_caches_that_it_cannot_follow() -> None:
    sizes: dict[str, Any] = {"block_size": 4, "num_kv_heads": 1, "head_size": 8, "dtype": torch.float32}
    full = FullAttentionSpec(**sizes)
    window = SlidingWindowSpec(**sizes, sliding_window=8)
    together = UniformTypeKVCacheSpecs(block_size=4, kv_cache_specs={"a": full, "b": FullAttentionSpec(**sizes)})
    compat.check_cache(cache_of(together))
    for groups, reason in [
        ((full, full), "2 KV cache groups"),
        ((full, window), "a window"),
        ((FullAttentionSpec(**sizes, sliding_window=8),), "a window"),
    ]:
        with pytest.raises(ValueError, match=reason):
            compat.check_cache(cache_of(*groups))
    assert without_last_blocks(cache_of(full), 144, 128).num_blocks == 56
    with pytest.raises(ValueError, match=r"a sequence of 300 tokens \(76 blocks\) beside the 144 scratch blocks"):
        without_last_blocks(cache_of(full), 144, 300)
