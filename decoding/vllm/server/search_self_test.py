"""The start-up test of contrastive search: candidates that come along, against candidates with a forward of their own.

A request of several tokens tries the candidates of all but the first beside its steps. Requests of one token each, for
a longer prompt every time, try all of theirs alone, and read the history from the cache. Both must choose the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ..contrast_params import METHOD, PREFIX
from ..engine_limits import SearchLimits

ATTEMPTS = 4
TOKENS = 4


async def search_failure(engine: Any, search: SearchLimits, vocabulary_size: int, *, exact: bool) -> str | None:  # noqa: ANN401
    """Return what an engine got wrong, or `None`.

    Args:
        engine: `await engine(prompt ids, **SamplingParams)` gives one `CompletionOutput`.
        search: How much contrastive search the engine was started for.
        vocabulary_size: How many tokens the model knows.
        exact: Whether the model computes in float32. In shorter types two batches round differently, so that one of
            several attempts must agree, not each.
    """
    top_k = min(4, search.largest_top_k)
    reason: str | None = None
    for attempt in range(ATTEMPTS):
        prompt = random.Random(attempt).sample(range(vocabulary_size * 9 // 10), 9)
        at_once = list((await engine(prompt, max_tokens=TOKENS, extra_args=_keys(top_k))).token_ids)
        one_by_one = await _one_by_one(engine, prompt, _keys(top_k))
        if at_once != one_by_one:
            reason = f"contrastive search gave the tokens {at_once} at once, and {one_by_one} one by one"
            if exact:
                return reason
            continue
        plain = list((await engine(prompt, max_tokens=TOKENS)).token_ids)
        unweighted = list((await engine(prompt, max_tokens=TOKENS, extra_args=_keys(top_k, 0.0))).token_ids)
        if exact and plain != unweighted:
            return f"contrastive search of no weight changed {plain} to {unweighted}"
        if plain != at_once or top_k == 1:
            return None
    return reason or f"in {ATTEMPTS} attempts contrastive search never changed a token"


async def _one_by_one(engine: Any, prompt: Sequence[int], keys: dict[str, Any]) -> list[int]:  # noqa: ANN401
    tokens: list[int] = []
    for _ in range(TOKENS):
        tokens += (await engine([*prompt, *tokens], max_tokens=1, extra_args=keys)).token_ids
    return tokens


def _keys(top_k: int, penalty_alpha: float = 0.6) -> dict[str, Any]:
    return {METHOD: "contrastive_search", f"{PREFIX}top_k": top_k, f"{PREFIX}penalty_alpha": penalty_alpha}
