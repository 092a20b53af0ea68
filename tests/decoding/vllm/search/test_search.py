"""Contrastive search in a real engine: the tokens of `custom_generate`, whatever the engine is put through.

`make test` runs a part of the requests, most of them on a tiny model; `make soak` all of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

from counterfoil.decoding.vllm.search.forward import CandidateForward
from counterfoil.decoding.vllm.search.history import History
from counterfoil.decoding.vllm.search.scratch import Scratch
from counterfoil.models import LanguageModel, load_language_model
from vllm import SamplingParams
from vllm.exceptions import VLLMValidationError

from tests.support.engine import Engine
from tests.support.pair_cases import Case, cases, expected
from tests.support.search_cases import greedily, keys, prompts, searched
from tests.support.tiny_engine import FAMILIES, VOCABULARY, TinyEngine, tiny_engine

pytestmark = [pytest.mark.engine, pytest.mark.timeout(3600)]

SOAK = "COUNTERFOIL_SOAK" in os.environ
REQUESTS, NEW, PAIRS = (48, 40, 16) if SOAK else (8, 16, 4)
LONG = 40
"""More than a block, so that a sequence crosses a border wherever it begins."""


def searching(top_k: int = 4, penalty_alpha: float = 0.6, *, new: int = NEW, **options: Any) -> SamplingParams:
    options = {"temperature": 0, "max_tokens": new, "ignore_eos": True, "detokenize": False, **options}
    return SamplingParams(extra_args=keys(top_k, penalty_alpha), **options)


def plain(new: int = NEW) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=new, ignore_eos=True, detokenize=False)


# SmolLM2.


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


@pytest.fixture(scope="module")
def asked(lm: LanguageModel) -> list[list[int]]:
    return prompts(lm.tokenizer, REQUESTS, longest=300 if SOAK else 90)


@pytest.fixture(scope="module")
def right(lm: LanguageModel, asked: list[list[int]]) -> list[list[int]]:
    found = searched(lm.model, asked, NEW)
    greedy = greedily(lm.model, asked, NEW)
    assert sum(a != b for a, b in zip(found, greedy, strict=True)) > len(asked) // 2
    return found


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(contrastive_search=True)


def test_alone_and_from_a_warm_cache(engine: Engine, asked: list[list[int]], right: list[list[int]]) -> None:
    params = [searching()] * len(asked)
    assert engine.tokens(asked, params) == right
    outputs = engine.outputs(asked, params)
    assert sum(output.num_cached_tokens for output in outputs) > 0
    assert [list(output.outputs[0].token_ids) for output in outputs] == right


def test_beside_plain_requests_and_pairs(
    engine: Engine, lm: LanguageModel, asked: list[list[int]], right: list[list[int]]
) -> None:
    """On a cache that plain requests have filled, and in one batch with plain requests and pairs."""
    engine.scheduler.reset_prefix_cache()
    alone = engine.tokens(asked, [plain()] * len(asked))
    pairs: list[Case] = cases(lm, PAIRS)
    paired = [SamplingParams(temperature=0, max_tokens=8, ignore_eos=True, extra_args=pair.keys) for pair in pairs]
    found = engine.tokens(
        [*asked, *asked, *(pair.prompt for pair in pairs)],
        [*[searching()] * len(asked), *[plain()] * len(asked), *paired],
    )
    count = len(asked)
    assert found[:count] == right
    assert found[count : 2 * count] == alone
    for pair, new in zip(pairs, found[2 * count :], strict=True):
        assert new == expected(lm, pair, new)


@pytest.mark.skipif(not SOAK, reason="the tiny model below is put through the same")
@pytest.mark.parametrize("scarce", [{"budget": 64, "slots": 20}, {"blocks": 40}], ids=["budget", "memory"])
def test_under_pressure(engine: Engine, asked: list[list[int]], right: list[list[int]], scarce: dict[str, int]) -> None:
    preempted = engine.count_preempted()
    with engine.scarce(**scarce):
        assert engine.tokens(asked, [searching()] * len(asked)) == right
    assert bool(preempted) == ("blocks" in scarce)


# A tiny model, under everything that an engine does to a request.


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyEngine:
    return tiny_engine(tmp_path_factory.mktemp("tiny"))


OFFSETS = list(range(1, 71, 1 if SOAK else 3))
"""Lengths of prompts, over the borders of two blocks."""


@pytest.fixture(scope="module")
def drawn() -> list[list[int]]:
    return [random.Random(length).choices(range(3, VOCABULARY), k=length) for length in OFFSETS]


@pytest.fixture(scope="module")
def tokens(tiny: TinyEngine, drawn: list[list[int]]) -> list[list[int]]:
    found = searched(tiny.model, drawn, LONG)
    assert all(a != b for a, b in zip(found, greedily(tiny.model, drawn, LONG), strict=True))
    return found


def counted(tiny: TinyEngine, name: str) -> int:
    return tiny.engine.candidates.counts[name]


def check_given_back(tiny: TinyEngine) -> None:
    """The groups of scratch blocks belong to nobody, once the worker has heard that the requests have left."""
    tiny.engine.tokens([[5]], [plain(1)])
    assert tiny.engine.candidates.scratch.free == 16


def test_at_every_offset_in_a_block_with_one_forward_a_token(
    tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]
) -> None:
    before = dict(tiny.engine.candidates.counts)
    for first in range(0, len(drawn), 16):
        part = slice(first, first + 16)
        assert tiny.engine.tokens(drawn[part], [searching(new=LONG)] * len(drawn[part])) == tokens[part]
    runs = -(-len(drawn) // 16)
    forwards = counted(tiny, "forwards") - before.get("forwards", 0)
    extra = counted(tiny, "extra_forwards") - before.get("extra_forwards", 0)
    assert (forwards, extra) == (runs * LONG, runs)
    check_given_back(tiny)


def test_in_chunks_and_beside_plain_requests(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    greedy = greedily(tiny.model, drawn, LONG)
    with tiny.engine.scarce(budget=24, slots=7):
        params = [searching(new=LONG), plain(LONG)] * len(drawn)
        found = tiny.engine.tokens([prompt for prompt in drawn for _ in range(2)], params)
    assert found[::2] == tokens
    assert found[1::2] == greedy


def test_more_requests_than_groups(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    """With other numbers of candidates beside them."""
    eight = searched(tiny.model, drawn, LONG, 8, 0.4)
    params = [searching(new=LONG), searching(8, 0.4, new=LONG)] * len(drawn)
    found = tiny.engine.tokens([prompt for prompt in drawn for _ in range(2)], params)
    assert found[::2] == tokens
    assert found[1::2] == eight
    check_given_back(tiny)


@pytest.mark.parametrize("from_cache", [True, False])
def test_preempted_for_want_of_memory(
    tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]], from_cache: bool
) -> None:
    preempted = tiny.engine.count_preempted()
    params = searching(new=LONG, skip_reading_prefix_cache=not from_cache)
    with tiny.engine.scarce(blocks=11):
        assert tiny.engine.tokens(drawn[:8], [params] * 8) == tokens[:8]
    assert len(preempted) >= 2
    check_given_back(tiny)


def test_no_room_beside_a_step(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    """Candidates that do not fit beside a step have a forward of their own."""
    scheduler = tiny.engine.llm.llm_engine.vllm_config.scheduler_config
    before, scheduler.max_num_batched_tokens = scheduler.max_num_batched_tokens, 16
    extra = counted(tiny, "extra_forwards")
    try:
        assert tiny.engine.tokens(drawn[:8], [searching(new=LONG)] * 8) == tokens[:8]
    finally:
        scheduler.max_num_batched_tokens = before
    assert counted(tiny, "extra_forwards") > extra + LONG


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> TinyEngine:
    """Few tokens a step. As long as `tiny`, because an engine that goes takes vLLM's process groups with it."""
    return tiny_engine(tmp_path_factory.mktemp("small"), max_num_batched_tokens=64, max_num_seqs=32)


def test_a_long_prompt_leaves_room_for_candidates(
    small: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]
) -> None:
    """The scheduler gives it fewer tokens a step than it could, so that candidates need no forward of their own."""
    core = small.engine.llm.llm_engine
    for i in range(8):
        core.add_request(f"r{i}", {"prompt_token_ids": drawn[i]}, searching(new=LONG))
    found = {}
    for step in range(200):
        if step in (12, 14):
            core.add_request(f"long{step}", {"prompt_token_ids": (drawn[-1] + drawn[-2])[:100]}, plain(1))
        found |= {one.request_id: list(one.outputs[0].token_ids) for one in core.step() if one.finished}
        if not core.has_unfinished_requests():
            break
    assert [found[f"r{i}"] for i in range(8)] == tokens[:8]
    assert small.engine.candidates.counts["extra_forwards"] <= 2  # for the first tokens


def test_no_weight_is_greedy(tiny: TinyEngine, drawn: list[list[int]]) -> None:
    greedy = greedily(tiny.model, drawn[:4], LONG)
    assert tiny.engine.tokens(drawn[:4], [searching(4, 0.0, new=LONG)] * 4) == greedy
    assert tiny.engine.tokens(drawn[:4], [searching(1, 0.9, new=LONG)] * 4) == greedy


def test_a_bias_changes_the_candidates(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    new = tokens[5]
    bias = {new[0]: -100.0, new[3]: -100.0, new[9]: -100.0, 7: 3.0, 8: 3.0}
    biased = searched(tiny.model, drawn[5:6], LONG, sequence_bias={(token,): value for token, value in bias.items()})
    assert biased[0] != new
    fallbacks = counted(tiny, "fallbacks")
    found = tiny.engine.tokens(
        [drawn[5], drawn[4], drawn[5]],
        [searching(new=LONG, logit_bias=bias), searching(new=LONG), plain(LONG)],
    )
    assert found[:2] == [biased[0], tokens[4]]
    assert counted(tiny, "fallbacks") > fallbacks
    allowed = [9, 10, 11, 12]
    found = tiny.engine.tokens([drawn[5]], [searching(new=LONG, allowed_token_ids=allowed)])
    assert set(found[0]) <= set(allowed)


def test_at_the_end_of_the_longest_sequence(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    longest = tiny.engine.scheduler.max_model_len
    prompt = drawn[-1]
    # vLLM compiles a kernel for ranks, which takes longer than the rest of this file.
    found = tiny.engine.outputs([prompt], [searching(new=longest, logprobs=4 if SOAK else None)])[0].outputs[0]
    assert (len(found.token_ids), found.finish_reason) == (longest - len(prompt), "length")
    assert list(found.token_ids)[:LONG] == tokens[-1]
    if SOAK:
        ranks = [step[token].rank for token, step in zip(found.token_ids, found.logprobs, strict=True)]
        assert 1 < max(ranks) <= 4


def test_aborted_requests_leave_nothing(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    engine = tiny.engine.llm.llm_engine
    names = [engine.add_request(f"r{i}", {"prompt_token_ids": drawn[i]}, searching(new=LONG)) for i in range(6)]
    for _ in range(5):
        engine.step()
    engine.abort_request([str(names[1]), str(names[4])], internal=True)
    while engine.has_unfinished_requests():
        engine.step()
    tiny.engine.check_empty()
    check_given_back(tiny)
    assert tiny.engine.tokens(drawn[:6], [searching(new=LONG)] * 6) == tokens[:6]


def test_stop_tokens_end_it(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    stop = tokens[3][12]
    found = tiny.engine.outputs([drawn[3]], [searching(new=LONG, stop_token_ids=[stop])])[0].outputs[0]
    assert (found.finish_reason, found.stop_reason) == ("stop", stop)
    assert list(found.token_ids) == tokens[3][: tokens[3].index(stop) + 1]


# What would go wrong, does: without these parts the tokens are others.


@contextmanager
def broken(tiny: TinyEngine, part: type, name: str, replacement: Any) -> Iterator[None]:
    tiny.engine.scheduler.reset_prefix_cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, name, replacement)
        yield
    tiny.engine.scheduler.reset_prefix_cache()


def test_without_a_copy_of_the_tail(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    with broken(tiny, CandidateForward, "_copy", lambda *_: None):
        found = tiny.engine.tokens(drawn[4:12], [searching(new=LONG)] * 8)
    assert not [new for new, true in zip(found, tokens[4:12], strict=True) if new == true]


def test_without_the_history_of_a_plain_request(
    tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]
) -> None:
    write = History.write
    with broken(tiny, History, "write", lambda *_: None):
        tiny.engine.tokens(drawn[-4:], [plain(1)] * 4)
        next(iter(tiny.engine.candidates._layers)).kv_cache  # noqa: B018  (the cache itself is as ever)
        tiny.engine.candidates.history.kv_cache.zero_()
        History.write = write  # type: ignore[method-assign]
        found = tiny.engine.tokens(drawn[-4:], [searching(new=LONG)] * 4)
    assert not [new for new, true in zip(found, tokens[-4:], strict=True) if new == true]


def test_with_one_group_for_all(tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]]) -> None:
    with broken(tiny, Scratch, "blocks", lambda self, groups, candidates: self._first + candidates):
        found = tiny.engine.tokens(drawn[4:12], [searching(new=LONG)] * 8)
    assert not [new for new, true in zip(found, tokens[4:12], strict=True) if new == true]
    assert tiny.engine.tokens(drawn[4:12], [searching(new=LONG)] * 8) == tokens[4:12]


# What is refused.


REFUSED_AT_THE_DOOR = [
    ({"temperature": 0.7}, {}, "`temperature` has to be 0 for contrastive search, which is deterministic, but is 0.7"),
    ({"repetition_penalty": 1.2}, {}, "`repetition_penalty` has to be left out .* but is 1.2"),
    ({"presence_penalty": 0.5}, {}, "`presence_penalty` has to be left out"),
    ({"frequency_penalty": 0.5}, {}, "`frequency_penalty` has to be left out"),
    ({}, {"cf_top_k": 0}, "`cf_top_k` has to be an integer of at least 1, but is 0"),
    ({}, {"cf_penalty_alpha": 1.5}, r"`cf_penalty_alpha` has to be in \[0, 1\], but is 1.5"),
    ({}, {"cf_strength": 1.0}, "`cf_strength` has to be left out: .* takes cf_penalty_alpha and cf_top_k"),
    ({}, {"cf_contrast_ids": [5, 6]}, "`cf_contrast_ids` has to be left out: .* and no contrast"),
    ({}, {"_cf_search": 1}, "the engine's own"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "more", "reason"), REFUSED_AT_THE_DOOR)
def test_refused_at_the_door(tiny: TinyEngine, options: dict, more: dict, reason: str) -> None:
    params = SamplingParams(**{"temperature": 0, "max_tokens": 4, **options}, extra_args={**keys(), **more})
    with pytest.raises(VLLMValidationError, match=reason):
        tiny.engine.outputs([[5, 6, 7]], [params])


def test_more_candidates_than_the_engine_has_room_for(tiny: TinyEngine) -> None:
    refused = tiny.engine.outputs([[5, 6, 7]], [searching(9)])[0].outputs[0]
    assert (list(refused.token_ids), refused.finish_reason) == ([], "error")
    assert "`cf_top_k` has to be at most this engine's 8, but is 9" in str(refused.stop_reason)


# Other models, in engines beside each other in one process.


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "llama" and (SOAK or name == "gpt2")])
def test_other_families(
    tiny: TinyEngine, drawn: list[list[int]], tokens: list[list[int]], family: str, tmp_path: Any
) -> None:
    other = tiny_engine(tmp_path, family)
    found = other.engine.tokens(drawn[::2], [searching(new=LONG)] * len(drawn[::2]))
    assert found == searched(other.model, drawn[::2], LONG)
    assert tiny.engine.tokens(drawn[:4], [searching(new=LONG)] * 4) == tokens[:4]


def test_an_engine_without_it_says_so(tiny: TinyEngine) -> None:
    without = Engine(tiny.folder, max_model_len=64, num_gpu_blocks_override=64, skip_tokenizer_init=True)
    refused = without.outputs([[5, 6, 7]], [searching()])[0].outputs[0]
    assert refused.finish_reason == "error"
    assert "contrastive_search has to be switched on when the engine starts" in str(refused.stop_reason)


STARTS_REFUSED = [
    ("llama", {"layer_types": ["sliding_attention"] * 2, "sliding_window": 8}, {}, "attention has a window"),
    ("llama", {}, {"enable_lora": True}, "LoRA adapters"),
    ("llama", {}, {"num_gpu_blocks_override": 146}, "scratch blocks of contrastive search, but has 146 blocks"),
    ("llama", {}, {"largest_top_k": 200}, "more than 96 candidates"),
]


@pytest.mark.parametrize(("family", "changes", "options", "reason"), STARTS_REFUSED, ids=lambda value: str(value)[:30])
def test_refused_at_the_start(
    family: str, changes: dict, options: dict, reason: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, family, {**FAMILIES[family], **changes})
    with pytest.raises(ValueError, match=reason):
        tiny_engine(tmp_path, family, **options)
