# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The start-up test: a pair and a group of three, decoded greedily, against the method applied to plain requests of the
same engine.

What this package relies on inside vLLM has no promise of stability. If it has moved, the tokens of a pair are no longer
those of the method, and the server says so and stops instead of serving something else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import count
from typing import Any

import torch

from ..contrast_params import CONTRAST_IDS, EARLY_EXIT, METHOD, PREFIX, parse_contrast
from ..engine_limits import DISABLE, EngineLimits, switched_off
from .search_self_test import search_failure

ATTEMPTS = 4
TOKENS = 4
CHOICES = 16
STRENGTH = 2.0
LENGTHS = 9, 7, 8
"""Of the prompts: the main one, and up to two others."""

GROUPS = {2: "cad", 3: "dexperts"}
"""The method that is tried on each number of views."""
NAMES = {2: "a pair", 3: "a group of three"}

_serial = count()
failures: list[str] = []
"""Why the server of this process did not start."""


async def refusal(state: Any) -> str | None:  # noqa: ANN401  (starlette's State)
    """Return why the server must not start, or `None`.

    Args:
        state: The state of the server's application; holds the engine.
    """
    try:
        reason = await _failure_of(state)
    except Exception as error:  # Whatever it is: an engine that cannot be tested is not served.
        reason = f"{type(error).__name__}: {error}"
    if reason is None:
        return None
    return (
        f"the self-test failed: {reason}. This version of vLLM is not one that counterfoil can serve pairs with: see "
        f"docs/compatibility.md for those that are, or set {DISABLE}=1 to serve without them"
    )


async def _failure_of(state: Any) -> str | None:  # noqa: ANN401
    config = state.vllm_config
    limits = EngineLimits.of(config)
    if switched_off() or config.model_config.runner_type != "generate":
        return None
    paired = limits.max_num_seqs > 1 or limits.amateur_model or bool(limits.early_exits)
    engines = config.parallel_config.data_parallel_size
    for rank in range(engines):
        engine = _Engine(state.engine_client, rank if engines > 1 else None)
        dtype = config.model_config.dtype
        reason = await failure(engine, limits, tolerance(dtype)) if paired else None
        if reason is None and limits.search is not None:
            exact = dtype == torch.float32
            reason = await search_failure(engine, limits.search, limits.vocabulary_size, exact=exact)
        if reason is not None:
            return reason
    return None


def tolerance(dtype: torch.dtype) -> float:
    """Return how far, in nats, a score may be from the best one: two batches round differently."""
    return 0.02 if dtype == torch.float32 else 0.5


class _Engine:
    """One engine of a server; generates tokens when called."""

    def __init__(self, client: Any, rank: int | None) -> None:  # noqa: ANN401  (vllm's EngineClient)
        self._client, self._rank = client, rank

    async def __call__(self, prompt: Sequence[int], **sampling: Any) -> Any:  # noqa: ANN401
        from vllm import SamplingParams  # noqa: PLC0415
        from vllm.inputs import tokens_input  # noqa: PLC0415

        params = SamplingParams(temperature=0.0, ignore_eos=True, detokenize=False, **sampling)
        name = f"counterfoil-self-test-{next(_serial)}"
        stream = self._client.generate(tokens_input(list(prompt)), params, name, data_parallel_rank=self._rank)
        *_, last = [output async for output in stream]
        return last.outputs[0]


async def failure(engine: Any, limits: EngineLimits, allowed: float) -> str | None:  # noqa: ANN401
    """Return what an engine got wrong, or `None`.

    Args:
        engine: `await engine(prompt ids, **SamplingParams)` gives one `CompletionOutput`.
        limits: The engine's limits.
        allowed: The tolerance, see :func:`tolerance`.
    """
    if limits.amateur_model:
        return await _model_failure(engine, limits, "amateur", {})
    for views, method in GROUPS.items():
        if views <= limits.max_num_seqs:
            reason = await _group_failure(engine, views, method, limits, allowed)
            if reason is not None:
                return reason
    return await _model_failure(engine, limits, "early exit", *_exits_tried(limits)) if limits.early_exits else None


async def _group_failure(
    engine: Any,  # noqa: ANN401
    views: int,
    method: str,
    limits: EngineLimits,
    allowed: float,
) -> str | None:
    for attempt in range(ATTEMPTS):
        draw = random.Random(attempt)
        *prompts, choices = (
            draw.sample(range(limits.vocabulary_size * 9 // 10), length) for length in (*LENGTHS[:views], CHOICES)
        )
        reason, conclusive = await _compared(engine, method, prompts, sorted(choices), allowed)
        if reason is not None or conclusive:
            return reason
    return f"in {ATTEMPTS} attempts the contrast of {NAMES[views]} never changed a token"


async def _compared(
    engine: Any,  # noqa: ANN401
    method: str,
    prompts: list[list[int]],
    choices: list[int],
    allowed: float,
) -> tuple[str | None, bool]:
    main, *others = prompts
    named = NAMES[len(prompts)]
    contrasts = others[0] if len(others) == 1 else others
    extra_args = {METHOD: method, f"{PREFIX}strength": STRENGTH, CONTRAST_IDS: contrasts}
    if len(others) > 1:
        extra_args[f"{PREFIX}plausibility"] = 0.0  # a cut would be one of all tokens, not of the choices
    params = parse_contrast(extra_args)
    assert params is not None
    decoded = await engine(main, max_tokens=TOKENS, allowed_token_ids=choices, extra_args=extra_args)
    tokens = list(decoded.token_ids)
    if len(tokens) != TOKENS or not set(tokens) <= set(choices):
        return f"{named} gave the tokens {tokens}, not {TOKENS} of the allowed ones", True
    views = [view + tokens[:step] for view in prompts for step in range(TOKENS)]
    # One after the other: an engine that is given many at once may run them in other shapes, which round differently.
    rows = torch.stack([await _log_probabilities(engine, view, choices) for view in views])
    own, *read = rows.split(TOKENS)
    scores = params.method.scores(own, read[0] if len(read) == 1 else torch.stack(read))
    best = scores.amax(-1)
    chosen = scores.gather(-1, torch.tensor([[choices.index(token)] for token in tokens]))[:, 0]
    plain = scores.gather(-1, own.argmax(-1, keepdim=True))[:, 0]
    wrong = (chosen < best - allowed).nonzero()[:, 0].tolist()
    if wrong:
        step = wrong[0]
        expected = choices[int(scores[step].argmax())]
        return f"token {step + 1} of {named} is {tokens[step]}, but the rule makes it {expected}", True
    return None, bool((plain < best - allowed).any())


async def _log_probabilities(engine: Any, prompt: list[int], choices: list[int]) -> torch.Tensor:  # noqa: ANN401
    output = await engine(prompt, max_tokens=1, logprob_token_ids=choices)
    return torch.tensor([output.logprobs[0][token].logprob for token in choices])


def _exits_tried(limits: EngineLimits) -> tuple[dict[str, Any], ...]:
    return tuple({EARLY_EXIT: layer} for layer in limits.early_exits)


async def _model_failure(engine: Any, limits: EngineLimits, named: str, *tried: dict[str, Any]) -> str | None:  # noqa: ANN401
    """Return what an engine got wrong that contrasts with another model, or with part of its own, or `None`.

    That one's logits cannot be asked for, but its effect can: none at strength 0, some at a large one.

    Args:
        engine: As in :func:`failure`.
        limits: The engine's limits.
        named: What the other model is called.
        tried: The keys of each contrast that is tried, beside those of contrastive decoding.
    """
    prompt = random.Random(0).sample(range(limits.vocabulary_size * 9 // 10), 9)
    plain = await engine(prompt, max_tokens=TOKENS)
    for own in tried:
        keys = {METHOD: "contrastive_decoding", f"{PREFIX}plausibility": 0.0, **own}
        unchanged, changed = await asyncio.gather(
            engine(prompt, max_tokens=TOKENS, extra_args={**keys, f"{PREFIX}strength": 0.0}),
            engine(prompt, max_tokens=TOKENS, extra_args={**keys, f"{PREFIX}strength": 1000.0}),
        )
        if plain.token_ids != unchanged.token_ids:
            return f"at strength 0 the {named} changed {list(plain.token_ids)} to {list(unchanged.token_ids)}"
        if plain.token_ids == changed.token_ids:
            return f"at strength 1000 the {named} changed nothing"
    return None
