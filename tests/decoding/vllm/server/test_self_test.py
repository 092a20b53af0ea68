"""The start-up test against engines that are right, and ones that are wrong in every way that was thought of."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from counterfoil.decoding.vllm.contrast_params import parse_contrast
from counterfoil.decoding.vllm.engine_limits import EngineLimits
from counterfoil.decoding.vllm.server.self_test import failure, tolerance

VOCABULARY = 300
LIMITS = EngineLimits(max_model_len=64, max_num_seqs=4, vocabulary_size=VOCABULARY)


def logits(ids: list[int]) -> torch.Tensor:
    """A language model: arbitrary, and different for every sequence."""
    return torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(random.Random(str(ids)).getrandbits(40)))


class Engine:
    """An engine with the model above. `fault` is what is wrong with it."""

    def __init__(self, fault: str = "", noise: float = 0.0) -> None:
        self.fault, self.noise = fault, noise

    async def __call__(self, prompt: list[int], **sampling: Any) -> Any:
        pair = parse_contrast(sampling.get("extra_args"))
        allowed = sampling.get("allowed_token_ids") or range(VOCABULARY)
        tokens: list[int] = []
        for _ in range(sampling["max_tokens"]):
            scores = logits([*prompt, *tokens]) + self.noise * torch.randn(VOCABULARY)
            if pair is not None:
                scores = self.contrasted(pair, scores, list(prompt), tokens)
            tokens.append(max(allowed, key=lambda token, scores=scores: float(scores[token])))
        log_probabilities = logits(list(prompt)).log_softmax(-1)
        asked = sampling.get("logprob_token_ids") or ()
        rows = [{token: SimpleNamespace(logprob=float(log_probabilities[token])) for token in asked}]
        return SimpleNamespace(token_ids=tokens, logprobs=rows)

    def contrasted(self, pair: Any, scores: torch.Tensor, prompt: list[int], tokens: list[int]) -> torch.Tensor:
        if self.fault == "plain":
            return scores
        behind = tokens[:-1] if self.fault == "one token behind" else tokens
        if self.fault == "own tokens":
            behind = [(token + 1) % VOCABULARY for token in tokens]
        prompts = [prompt] * pair.count if self.fault == "same prompt" else list(pair.contrast_ids)
        if pair.count > 1:
            prompts = self.prompts_of_group(prompts)
        others = [logits([*ids, *behind]) for ids in prompts]
        if self.fault == "other way round":
            scores, others[0] = others[0], scores
        return pair.method.scores(scores[None], others[0][None] if len(others) == 1 else torch.stack(others)[:, None])[
            0
        ]

    def prompts_of_group(self, prompts: list) -> list:
        """What a group of three reads, by a fault that a pair cannot have."""
        if self.fault == "swapped":
            return prompts[::-1]
        return [prompts[0]] * 2 if self.fault == "third lost" else prompts


def verdict(engine: Engine, allowed: float = tolerance(torch.float32), limits: EngineLimits = LIMITS) -> str | None:
    return asyncio.run(failure(engine, limits, allowed))


def test_an_engine_that_follows_the_rule_passes() -> None:
    assert verdict(Engine()) is None


def test_so_does_one_that_rounds_differently_each_time() -> None:
    assert verdict(Engine(noise=0.03), tolerance(torch.bfloat16)) is None


@pytest.mark.parametrize("fault", ["plain", "one token behind", "own tokens", "other way round"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_that_does_anything_else_does_not(fault: str, dtype: torch.dtype) -> None:
    reason = verdict(Engine(fault), tolerance(dtype))
    assert reason is not None
    assert "the rule makes it" in reason


@pytest.mark.parametrize("fault", ["swapped", "third lost"])
def test_a_group_of_three_is_tried_where_there_is_room_for_one(fault: str) -> None:
    reason = verdict(Engine(fault))
    assert reason is not None
    assert "a group of three" in reason
    assert verdict(Engine(fault), limits=EngineLimits(64, 2, VOCABULARY)) is None


def test_early_exits_that_change_nothing_are_found() -> None:
    limits = EngineLimits(64, 4, VOCABULARY, early_exits=(2, 5))

    class WithExits(Engine):
        async def __call__(self, prompt: list[int], **sampling: Any) -> Any:
            keys = sampling.get("extra_args") or {}
            if "cf_early_exit" not in keys:
                return await super().__call__(prompt, **sampling)
            output = await super().__call__(prompt, max_tokens=sampling["max_tokens"])
            works = keys["cf_early_exit"] == 2 or self.fault != "the second"
            moved = (works and keys["cf_strength"] > 0) or self.fault == "no strength"
            return SimpleNamespace(token_ids=[token + moved for token in output.token_ids])

    assert verdict(WithExits(), limits=limits) is None
    assert "the early exit changed nothing" in (verdict(WithExits("the second"), limits=limits) or "")
    assert "at strength 0 the early exit changed" in (verdict(WithExits("no strength"), limits=limits) or "")


def test_nor_one_whose_views_are_the_same() -> None:
    assert verdict(Engine("same prompt")) is not None


def test_an_amateur_that_changes_nothing_is_found() -> None:
    limits = EngineLimits(64, 4, VOCABULARY, amateur_model=True)

    class WithAmateur(Engine):
        async def __call__(self, prompt: list[int], **sampling: Any) -> Any:
            strength = (sampling.pop("extra_args", None) or {}).get("cf_strength", 0.0)
            output = await super().__call__(prompt, **sampling)
            moved = strength > 0 and self.fault != "plain"
            return SimpleNamespace(token_ids=[token + moved for token in output.token_ids])

    assert verdict(WithAmateur(), limits=limits) is None
    assert "changed nothing" in (verdict(WithAmateur("plain"), limits=limits) or "")
