"""The start-up test of contrastive search finds engines that are wrong, and passes those that are right."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from counterfoil.decoding.vllm.engine_limits import SearchLimits
from counterfoil.decoding.vllm.server.search_self_test import search_failure


class FakeEngine:
    """An engine whose tokens follow from the sequence alone, as any deterministic search's do.

    Args:
        wrong: What is wrong with it.
    """

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong

    async def __call__(self, prompt: Sequence[int], *, max_tokens: int, extra_args: Any = None) -> Any:
        ids = list(prompt)
        for step in range(max_tokens):
            token = sum(ids) * 7 % 50
            if extra_args and extra_args["cf_penalty_alpha"] and self.wrong != "never searches":
                token += 1
            if extra_args and step == 2 and self.wrong == "candidates that come along":
                token += 1
            if extra_args and not extra_args["cf_penalty_alpha"] and self.wrong == "no weight":
                token += 1
            ids.append(token)
        return SimpleNamespace(token_ids=ids[len(prompt) :])


def failure(engine: FakeEngine, *, exact: bool = True, top_k: int = 8) -> str | None:
    return asyncio.run(search_failure(engine, SearchLimits(16, top_k), 1000, exact=exact))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("top_k", [1, 8])
def test_a_right_engine_passes(exact: bool, top_k: int) -> None:
    assert failure(FakeEngine(), exact=exact, top_k=top_k) is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("never searches", "never changed a token"),
        ("candidates that come along", "at once, and .* one by one"),
        ("no weight", "of no weight changed"),
    ],
)
def test_a_wrong_engine_is_found(wrong: str, reason: str) -> None:
    found = failure(FakeEngine(wrong))
    assert found is not None
    assert __import__("re").search(reason, found)


def test_where_types_are_short_one_attempt_has_to_agree() -> None:
    found = failure(FakeEngine("candidates that come along"), exact=False)
    assert found is not None
    assert "at once" in found
