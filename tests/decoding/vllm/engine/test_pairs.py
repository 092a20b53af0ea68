"""Pairs in a real engine: the tokens are those of the rule on two plain forwards, whatever the engine is put through.

`make test` serves a part of the 48 pairs and of the draws, `make soak` all of them.
"""

from __future__ import annotations

import os

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
from counterfoil.models import LanguageModel, load_language_model
from scipy import stats
from vllm import SamplingParams
from vllm.exceptions import VLLMValidationError

from tests.support.engine import Engine
from tests.support.pair_cases import RULES, Case, all_logits, cases, expected, group_cases, plainly

pytestmark = [pytest.mark.engine, pytest.mark.timeout(3600)]

SOAK = "COUNTERFOIL_SOAK" in os.environ
PAIRS, NEW, DRAWS = (48, 16, 10_000) if SOAK else (12, 8, 100)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


@pytest.fixture(scope="module")
def pairs(lm: LanguageModel) -> list[Case]:
    return cases(lm, PAIRS)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def greedy(case: Case | None = None, *, new: int = NEW, **options) -> SamplingParams:
    keys = case.keys if case else None
    return SamplingParams(temperature=0, max_tokens=new, ignore_eos=True, extra_args=keys, **options)


def check(lm: LanguageModel, pairs: list[Case], found: list[list[int]]) -> None:
    for case, new in zip(pairs, found, strict=True):
        assert len(new) >= NEW
        assert new == expected(lm, case, new), case


def test_every_rule_is_among_them(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    """And most pairs differ from plain decoding: an engine that forgot the contrast would be found out."""
    assert len({str(case.rule) for case in pairs}) == len(RULES)
    found = engine.tokens([case.prompt for case in pairs], [greedy(case) for case in pairs])
    check(lm, pairs, found)
    differing = sum(plainly(lm, case.prompt, new) != new for case, new in zip(pairs, found, strict=True))
    assert differing > len(pairs) // 2


def test_warm_prefix_cache(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    prompts, params = [case.prompt for case in pairs], [greedy(case) for case in pairs]
    first = engine.tokens(prompts, params)
    outputs = engine.outputs(prompts, params)
    assert sum(output.num_cached_tokens for output in outputs) > 0
    assert [list(output.outputs[0].token_ids) for output in outputs] == first
    check(lm, pairs, first)


def test_prompts_in_chunks(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    with engine.scarce(budget=64, slots=7):
        check(lm, pairs, engine.tokens([case.prompt for case in pairs], [greedy(case) for case in pairs]))


def test_preempted_for_want_of_memory(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    before = engine.scheduler.pair_stats["preempted"]
    pressed = pairs if SOAK else pairs[:6]
    params = [greedy(case, new=40, skip_reading_prefix_cache=True) for case in pressed]
    with engine.scarce(budget=256, blocks=16):
        found = engine.tokens([case.prompt for case in pressed], params)
    assert engine.scheduler.pair_stats["preempted"] > before
    check(lm, pressed, found)


def test_beside_plain_requests(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    prompts = [prompt for case in pairs for prompt in (case.prompt, case.prompt)]
    found = engine.tokens(prompts, [params for case in pairs for params in (greedy(case), greedy())])
    check(lm, pairs, found[::2])
    for case, new in zip(pairs, found[1::2], strict=True):
        assert new == plainly(lm, case.prompt, new)


def test_groups_of_three_and_four_views(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    groups = group_cases(lm, 24 if SOAK else 8)
    found = engine.tokens([case.prompt for case in groups], [greedy(case) for case in groups])
    check(lm, groups, found)
    differing = sum(plainly(lm, case.prompt, new) != new for case, new in zip(groups, found, strict=True))
    assert differing > len(groups) // 2
    # In chunks, short of slots, and beside pairs and plain requests.
    mixed = [case for both in zip(groups, pairs, strict=False) for case in both]
    with engine.scarce(budget=48, slots=9):
        tokens = engine.tokens(
            [prompt for case in mixed for prompt in (case.prompt, case.prompt)],
            [params for case in mixed for params in (greedy(case), greedy())],
        )
    check(lm, mixed, tokens[::2])
    for case, new in zip(mixed, tokens[1::2], strict=True):
        assert new == plainly(lm, case.prompt, new)


def test_a_group_that_is_preempted_goes_on_where_it_was(lm: LanguageModel, engine: Engine) -> None:
    before = engine.scheduler.pair_stats["preempted"]
    groups = group_cases(lm, 6)
    params = [greedy(case, new=40, skip_reading_prefix_cache=True) for case in groups]
    with engine.scarce(budget=256, blocks=24):
        found = engine.tokens([case.prompt for case in groups], params)
    assert engine.scheduler.pair_stats["preempted"] > before
    check(lm, groups, found)


def test_a_rule_of_no_strength_is_plain(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    keys = {"cf_method": "cad", "cf_strength": 0.0, "cf_contrast_ids": pairs[0].other}
    params = SamplingParams(temperature=0, max_tokens=NEW, ignore_eos=True, extra_args=keys)
    for case, new in zip(pairs[:4], engine.tokens([case.prompt for case in pairs[:4]], [params] * 4), strict=True):
        assert new == plainly(lm, case.prompt, new)


def cad(lm: LanguageModel) -> tuple[list[int], dict]:
    """A prompt with documents, and its keys."""
    question = lm.tokenizer("What is the capital of France? The capital of France is")["input_ids"]
    passage = lm.tokenizer("In 2031 the government of France moved to Lyon, the new capital. ")["input_ids"]
    return passage + question, {"cf_method": "cad", "cf_strength": 1.0, "cf_contrast_ids": question}


def test_first_tokens_are_drawn_from_the_rule(lm: LanguageModel, engine: Engine) -> None:
    prompt, keys = cad(lm)
    prompt, keys = prompt[-9:], {**keys, "cf_contrast_ids": keys["cf_contrast_ids"][-4:]}
    params = SamplingParams(temperature=1.5, max_tokens=1, n=min(DRAWS, 1000), extra_args=keys)
    drawn = [
        choice.token_ids[0]
        for _ in range(DRAWS // params.n)
        for choice in engine.outputs([prompt], [params])[0].outputs
    ]
    main, other = (all_logits(lm.model, ids, [0])[0] for ids in (prompt, keys["cf_contrast_ids"]))
    scores = (2 * main - other) / 1.5
    p = np.exp(scores - scores.max())
    p /= p.sum()
    cells = [int(token) for token in np.argsort(-p) if p[token] * DRAWS >= 5]
    counts = [drawn.count(token) for token in cells]
    observed = [*counts, DRAWS - sum(counts)]
    chances = np.array([*p[cells], 1 - p[cells].sum()]) * DRAWS
    result = stats.chisquare(observed, chances)
    print(f"{DRAWS} draws, {len(observed)} cells: chi-square {result.statistic:.1f}, p {result.pvalue:.3f}")
    # Unseeded: the short run must not fail once in a hundred.
    assert result.pvalue > (0.01 if SOAK else 1e-4)


def test_a_seed_decides_whatever_else_is_in_the_batch(lm: LanguageModel, pairs: list[Case], engine: Engine) -> None:
    prompt, keys = cad(lm)
    seeded = [
        SamplingParams(temperature=1.2, max_tokens=NEW, seed=seed, top_p=0.95, ignore_eos=True, extra_args=keys)
        for seed in range(4)
    ]
    alone = [engine.tokens([prompt], [params])[0] for params in seeded]
    assert len({tuple(tokens) for tokens in alone}) > 1
    others = [case.prompt for case in pairs[:6]]
    noise = [SamplingParams(temperature=1.0, max_tokens=NEW, ignore_eos=True, extra_args=c.keys) for c in pairs[:6]]
    assert engine.tokens([prompt] * 4 + others, seeded + noise)[:4] == alone
    with engine.scarce(budget=16, slots=9):
        assert engine.tokens(others + [prompt] * 4, noise + seeded)[-4:] == alone


def test_sampled_tokens_reach_the_contrast_request(lm: LanguageModel, engine: Engine) -> None:
    """With every way vLLM has of changing a row: the next token's rule sees the one that was really drawn."""
    prompt, keys = cad(lm)
    options = {"repetition_penalty": 1.2, "presence_penalty": 0.3, "top_k": 1, "min_p": 0.01, "logprobs": 2}
    params = SamplingParams(temperature=1.0, max_tokens=NEW, ignore_eos=True, extra_args=keys, **options)
    found = engine.tokens([prompt], [params])[0]
    main, other = (all_logits(lm.model, ids, found) for ids in (prompt, keys["cf_contrast_ids"]))
    for step, token in enumerate(found):
        scores, seen = 2 * main[step] - other[step], found[:step]
        for known in {*prompt, *seen}:
            scores[known] = scores[known] / 1.2 if scores[known] > 0 else scores[known] * 1.2
        scores[list(set(seen))] -= 0.3
        assert token == int(scores.argmax())


def test_several_answers_and_stop_tokens(lm: LanguageModel, engine: Engine) -> None:
    prompt, keys = cad(lm)
    params = SamplingParams(n=3, temperature=1.0, top_k=1, max_tokens=NEW, stop=["Lyon"], extra_args=keys)
    for choice in engine.outputs([prompt], [params])[0].outputs:
        assert (choice.text, choice.finish_reason, choice.stop_reason) == (" ", "stop", "Lyon")


def test_bias_and_forbidden_tokens_hold(lm: LanguageModel, engine: Engine) -> None:
    prompt, keys = cad(lm)
    first = engine.tokens([prompt], [SamplingParams(temperature=0, max_tokens=1, extra_args=keys)])[0][0]
    allowed = [first + 1, first + 2]
    params = SamplingParams(temperature=0, max_tokens=4, ignore_eos=True, allowed_token_ids=allowed, extra_args=keys)
    assert set(engine.tokens([prompt], [params])[0]) <= set(allowed)


REFUSED = {
    "contrast too long": ({"cf_contrast_ids": [5] * 600}, "has to be shorter than the model's longest sequence"),
    "foreign token": ({"cf_contrast_ids": [5, 10**6]}, "token ids of this model"),
    "no list": ({"cf_contrast_ids": "abc"}, "a list of token ids"),
    "empty": ({"cf_contrast_ids": []}, "at least 2 token ids"),
    "unknown method": ({"cf_contrast_ids": [5, 6], "cf_method": "magic"}, "has to be one of"),
    "unknown key": ({"cf_contrast_ids": [5, 6], "cf_gamma": 1.0}, "is not known"),
    "out of range": ({"cf_contrast_ids": [5, 6], "cf_strength": -1.0}, "at least 0"),
    "the engine's own key": ({"cf_contrast_ids": [5, 6], "_cf_member": 1}, "the engine's own"),
}


KNOWN_IN_THE_CORE = ("contrast too long", "foreign token")


@pytest.mark.parametrize("why", REFUSED)
def test_refused_with_the_reason(engine: Engine, why: str) -> None:
    """By the front end where the request alone tells, else by the core, and never answered plainly."""
    keys, reason = REFUSED[why]
    params = SamplingParams(temperature=0, max_tokens=4, extra_args={"cf_method": "cad", **keys})
    if why not in KNOWN_IN_THE_CORE:
        with pytest.raises(VLLMValidationError, match=reason):
            engine.outputs([[5, 6, 7]], [params])
        return
    output = engine.outputs([[5, 6, 7]], [params])[0].outputs[0]
    assert (list(output.token_ids), output.finish_reason) == ([], "error")
    assert reason in str(output.stop_reason)


def test_no_room_for_two(engine: Engine, pairs: list[Case]) -> None:
    params = greedy(pairs[0])
    with engine.scarce(slots=1):
        refused = engine.outputs([pairs[0].prompt], [params])[0].outputs[0]
    assert "two sequences at a time" in str(refused.stop_reason)
    pool = engine.scheduler.kv_cache_manager.block_pool
    blocks, pool.num_gpu_blocks = pool.num_gpu_blocks, 4
    try:
        long = SamplingParams(temperature=0, max_tokens=4, extra_args={"cf_method": "cad", "cf_contrast_ids": [5] * 60})
        refused = engine.outputs([[6] * 60], [long])[0].outputs[0]
    finally:
        pool.num_gpu_blocks = blocks
    assert "fit the KV cache together" in str(refused.stop_reason)


def test_prompt_logprobs_are_refused(engine: Engine, pairs: list[Case]) -> None:
    with pytest.raises(VLLMValidationError, match="prompt_logprobs"):
        engine.outputs([pairs[0].prompt], [greedy(pairs[0], prompt_logprobs=1)])
