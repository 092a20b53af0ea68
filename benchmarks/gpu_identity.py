"""Are the tokens of every method those of its rule? Against references without cache, batch or padding, in float64.

The part of `gpu.py` that has a right and a wrong answer.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from counterfoil.decoding import (
    ContrastiveDecodingLogitsProcessor,
    ContrastLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    OtherPrompt,
    batched_views,
    contrastive_search,
)
from counterfoil.decoding.methods import METHODS, Method
from random_llamas import SPREAD, Inputs, llama, padded, texts

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support import contrastive_search_reference, oracles

LENGTHS = ([9, 33, 4, 120], [5, 40, 4, 2])
"""Of the main prompts, and of the contrasts."""
CANDIDATES = [0, 1]
"""The layers among which DoLa chooses."""
NEAR_TIE = 1e-4
"""A wrong token is a near tie if the right one leads by less than this."""

Row = np.ndarray
Rule = Callable[[Row, Row, int], Row]
OtherView = Callable[[int, list[int]], Row]


class Reference:
    """Every step from scratch: no cache, no batch, no padding; rules in float64.

    Attributes:
        closest: The least lead, in nats, that a chosen token has had over the next.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.closest = float("inf")

    @torch.no_grad()
    def outputs(self, ids: list[int], **options: Any) -> Any:
        return self.model(torch.tensor([ids], device=self.model.device), use_cache=False, **options)

    def logits(self, ids: list[int]) -> Row:
        return self.outputs(ids).logits[0, -1].double().cpu().numpy()

    @torch.no_grad()
    def early(self, layers: tuple[int, ...], ids: list[int]) -> Row:
        """Return DoLa's other view: of the candidate layers the one that is furthest from the last."""
        found = self.outputs(ids, output_hidden_states=True)
        states = [found.hidden_states[layer][0, -1] for layer in layers]
        rows = [self.model.lm_head(self.model.model.norm(state)).double().cpu().numpy() for state in states]
        final = np.exp(oracles.log_softmax(found.logits[0, -1].double().cpu().numpy()))
        distances = [oracles.jensen_shannon(final, np.exp(oracles.log_softmax(row))) for row in rows]
        return rows[int(np.argmax(distances))]

    def greedy(self, prompt: list[int], other: Callable[[list[int]], Row], rule: Rule, new: int) -> list[int]:
        said: list[int] = []
        for step in range(new):
            said.append(self._best(rule(self.logits(prompt + said), other(said), step)))
        return said

    def search(self, prompt: list[int], alpha: float, k: int, new: int) -> list[int]:
        ids = list(prompt)
        for _ in range(new):
            found = self.outputs(ids, output_hidden_states=True)
            probabilities = np.exp(oracles.log_softmax(found.logits[0, -1].double().cpu().numpy()))
            candidates = np.argsort(-probabilities, kind="stable")[:k]
            hidden = [self.outputs([*ids, int(c)], output_hidden_states=True).hidden_states[-1] for c in candidates]
            last = np.stack([states[0, -1].double().cpu().numpy() for states in hidden])
            history = found.hidden_states[-1][0].double().cpu().numpy()
            scores = contrastive_search_reference.scores(probabilities[candidates], last, history, alpha)
            ids.append(int(candidates[self._best(np.asarray(scores))]))
        return ids[len(prompt) :]

    def _best(self, scores: Row) -> int:
        second, best = np.sort(scores)[-2:]
        self.closest = min(self.closest, float(best - second))
        return int(scores.argmax())


def rule_of(method: Method) -> Rule:
    """Return the float64 oracle of a method with its parameters: `(main, contrast, step) -> scores`."""
    numbers = {p.name: getattr(method, p.name) for p in method.parameters() if not p.makes_contrast}
    oracle = functools.partial(getattr(oracles, method.name), **numbers)
    return lambda main, contrast, step: oracle(main, contrast, **({"step": step} if method.needs_step else {}))


def contenders(model: Any, prompts: list[list[int]], others: list[list[int]]) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield each method's name, what makes its processor, its reference's other view and its rule.

    Methods that contrast images are given two prompts of text: the rule is the same, and views of images need a model
    that sees. Methods of several contrasts are left out.
    """
    reference, device = Reference(model), str(model.device)

    def prompted(row: int, said: list[int]) -> Row:
        return reference.logits(others[row] + said)

    for method in (kind() for kind in METHODS.values() if kind.contrast in ("prompt", "image") and kind.contrasts == 1):
        make = functools.partial(_processor, model, padded(others, device), method)
        yield method.name, make, prompted, rule_of(method)
    small = llama("tiny", device, model.dtype, SPREAD, num_hidden_layers=1)
    amateur = Reference(small)
    rule = rule_of(METHODS["contrastive_decoding"]())
    yield (
        "contrastive_decoding, smaller model",
        lambda: ContrastiveDecodingLogitsProcessor(model, small),
        lambda row, said: amateur.logits(prompts[row] + said),
        rule,
    )
    yield (
        "contrastive_decoding, cut context",
        lambda: ContrastiveDecodingLogitsProcessor(model, CutContext(model, 3)),
        lambda row, said: reference.logits(prompts[row][-3:] + said),
        rule,
    )
    layers = DoLaLogitsProcessor(model, CANDIDATES).method.layers
    yield (
        "dola",
        lambda: DoLaLogitsProcessor(model, CANDIDATES),
        lambda row, said: reference.early(layers, prompts[row] + said),
        rule_of(METHODS["dola"]()),
    )


def _processor(model: Any, others: Inputs, method: Method) -> ContrastLogitsProcessor:
    return ContrastLogitsProcessor(model, OtherPrompt(model, others), method)


def identity(device: str, dtype: torch.dtype, new: int = 16) -> list[dict[str, Any]]:
    """Return for each method how many tokens of a left-padded batch are those of its reference."""
    model = llama("tiny", device, dtype, SPREAD)
    prompts, others = (texts(1, lengths, model.config.vocab_size, seed) for seed, lengths in enumerate(LENGTHS))
    inputs = padded(prompts, device)
    call = functools.partial(model.generate, **inputs, do_sample=False, max_new_tokens=new)
    rows = []

    def record(name: str, found: torch.Tensor, expected: list[list[int]], closest: float) -> None:
        said = found[:, inputs["input_ids"].shape[1] :].tolist()
        right = sum(a == b for one, two in zip(said, expected, strict=True) for a, b in zip(one, two, strict=True))
        kind = str(dtype).removeprefix("torch.")
        rows.append({"method": name, "dtype": kind, "right": right, "of": new * len(prompts), "closest call": closest})

    for name, make, view, rule in contenders(model, prompts, others):
        judge = Reference(model)
        expected = [judge.greedy(prompt, functools.partial(view, row), rule, new) for row, prompt in enumerate(prompts)]
        record(name, call(logits_processor=[make()]), expected, judge.closest)
        if name not in ("dola", "contrastive_decoding, smaller model"):
            joint = call(logits_processor=[make()], custom_generate=batched_views)
            record(f"{name}, batched views", joint, expected, judge.closest)
    judge = Reference(model)
    expected = [judge.search(prompt, 0.6, 4, new) for prompt in prompts]
    found = call(custom_generate=contrastive_search, penalty_alpha=0.6, top_k=4)
    record("contrastive_search", found, expected, judge.closest)
    return rows


def wrong(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in float32 with a wrong token that is no near tie."""
    return [
        row
        for row in rows
        if row["dtype"] == "float32" and row["right"] != row["of"] and row["closest call"] > NEAR_TIE
    ]
