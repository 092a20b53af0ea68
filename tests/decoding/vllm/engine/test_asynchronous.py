"""Pairs and contrastive search under asynchronous scheduling, with a real worker: the way of engines on GPUs.

The next step is scheduled while the last one runs, so that no schedule may depend on a token's value.
"""

from __future__ import annotations

import random

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
from counterfoil.decoding.vllm.engine.scheduler import AsyncPairScheduler
from vllm import SamplingParams

from tests.support import oracles
from tests.support.engine import asynchronous
from tests.support.pair_cases import all_logits
from tests.support.search_cases import greedily, keys, searched
from tests.support.tiny_engine import VOCABULARY, TinyEngine, tiny_engine

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

NEW = 40


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyEngine:
    with asynchronous():
        made = tiny_engine(tmp_path_factory.mktemp("tiny"))
    assert type(made.engine.scheduler) is AsyncPairScheduler
    return made


@pytest.fixture(scope="module")
def drawn() -> list[list[int]]:
    return [random.Random(length).choices(range(3, VOCABULARY), k=length) for length in range(2, 70, 9)]


def asked(extra_args: dict | None = None, **options) -> SamplingParams:
    return SamplingParams(
        temperature=0, max_tokens=NEW, ignore_eos=True, detokenize=False, extra_args=extra_args, **options
    )


def contrasted(tiny: TinyEngine, prompt: list[int], other: list[int], new: list[int]) -> list[int]:
    main, contrast = (all_logits(tiny.model, ids, new) for ids in (prompt, other))
    return [int((2 * one - two).argmax()) for one, two in zip(main, contrast, strict=True)]


def test_steps_are_in_flight(tiny: TinyEngine) -> None:
    core = tiny.engine.llm.llm_engine.engine_core.engine_core
    assert core.batch_queue_size == 2
    assert core.model_executor.driver_worker.worker.model_runner.use_async_scheduling


@pytest.mark.parametrize("scarce", [{}, {"blocks": 24}, {"budget": 24, "slots": 8}], ids=["", "memory", "budget"])
def test_pairs_searches_and_plain_requests_together(
    tiny: TinyEngine, drawn: list[list[int]], scarce: dict[str, int]
) -> None:
    others = drawn[::-1]
    cad = [asked({"cf_method": "cad", "cf_strength": 1.0, "cf_contrast_ids": other}) for other in others]
    count = len(drawn)
    preempted = tiny.engine.count_preempted()
    with tiny.engine.scarce(**scarce):
        found = tiny.engine.tokens(drawn * 3, [asked(keys())] * count + [asked()] * count + cad)
    assert found[:count] == searched(tiny.model, drawn, NEW)
    assert found[count : 2 * count] == greedily(tiny.model, drawn, NEW)
    for prompt, other, new in zip(drawn, others, found[2 * count :], strict=True):
        assert new == contrasted(tiny, prompt, other, new)
    assert bool(preempted) == ("blocks" in scarce)


@pytest.mark.parametrize("scarce", [{}, {"blocks": 24}, {"budget": 24, "slots": 9}], ids=["", "memory", "budget"])
def test_groups_and_methods_that_count_tokens(tiny: TinyEngine, drawn: list[list[int]], scarce: dict[str, int]) -> None:
    weights, others = [-0.4, 0.3, -0.2], [drawn[-1 - i :] + drawn[: -1 - i] for i in range(3)]
    groups = [[other[place] for other in others] for place in range(len(drawn))]
    summed = {"cf_method": "weighted_sum", "cf_weights": weights, "cf_plausibility": 0}
    counted = {"cf_method": "m3id", "cf_decay": 0.1, "cf_gate": 1}
    params = [asked({**summed, "cf_contrast_ids": group}) for group in groups]
    params += [asked({**counted, "cf_contrast_ids": group[0]}) for group in groups]
    preempted = tiny.engine.count_preempted()
    with tiny.engine.scarce(**scarce):
        found = tiny.engine.tokens(drawn * 2, params)
    for prompt, group, new in zip(drawn, groups, found[: len(drawn)], strict=True):
        views = zip(*(all_logits(tiny.model, ids, new) for ids in (prompt, *group)), strict=True)
        rows = [oracles.weighted_sum(main, np.stack(rest), weights, plausibility=0) for main, *rest in views]
        assert new == [int(row.argmax()) for row in rows]
    for prompt, group, new in zip(drawn, groups, found[len(drawn) :], strict=True):
        views = zip(*(all_logits(tiny.model, ids, new) for ids in (prompt, group[0])), strict=True)
        rows = [oracles.m3id(main, other, step, decay=0.1, gate=1) for step, (main, other) in enumerate(views)]
        assert new == [int(row.argmax()) for row in rows]
    assert bool(preempted) == ("blocks" in scarce)
