"""Requests for pairs on SmolLM2, and what transformers makes of them: the rule on two plain forwards."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from counterfoil.models import LanguageModel

from tests.support import oracles

TEXT = (
    "The keeper of the lighthouse wrote in his book that the ferry had not come for nine days. Nobody on the island "
    "had expected otherwise, because the storm had taken the landing stage and half the boats. In school the children "
    "drew maps of the coast and counted the birds that came in from the north. The council met twice, first about the "
    "bread and then about the well, and both times the minutes say that no agreement was reached. On the tenth day a "
    "fishing boat was seen beyond the reef; it carried flour, two letters, and a box of glass for the lamp."
)


@dataclass
class Case:
    """One pair.

    Args:
        prompt: Token ids of the main view.
        other: Of the other view.
        more: Of further views.
        keys: The request's `extra_args`.
        rule: The oracle: `(main, other) -> scores`, one row.
    """

    prompt: list[int]
    other: list[int]
    keys: dict[str, Any]
    rule: Callable[[np.ndarray, np.ndarray], np.ndarray] = field(repr=False)
    more: list[list[int]] = field(default_factory=list)


RULES = {
    "cad": ({"cf_method": "cad", "cf_strength": 1.0}, functools.partial(oracles.cad, strength=1.0)),
    "cfg": ({"cf_method": "cfg", "cf_guidance_scale": 2.0}, functools.partial(oracles.cfg, guidance_scale=2.0)),
    "cid": ({"cf_method": "cid", "cf_strength": 30.0}, functools.partial(oracles.cid, strength=30.0)),
    "cid log ratio": (
        {"cf_method": "cid", "cf_strength": 1.0, "cf_rule": "log_ratio"},
        functools.partial(oracles.cid, strength=1.0, rule="log_ratio"),
    ),
    "contrastive decoding": (
        {"cf_method": "contrastive_decoding", "cf_strength": 0.7},
        functools.partial(oracles.contrastive_decoding, strength=0.7),
    ),
    "li": (
        {"cf_method": "contrastive_decoding", "cf_formulation": "li"},
        functools.partial(oracles.contrastive_decoding, formulation="li"),
    ),
    "cut context": (
        {"cf_method": "contrastive_decoding", "cf_cut_context": 4},
        functools.partial(oracles.contrastive_decoding),
    ),
}


def cases(lm: LanguageModel, count: int) -> list[Case]:
    """`count` pairs of all rules, with prompts of 2 to 130 tokens, the other view's shorter, as long and longer."""
    ids = lm.tokenizer(TEXT)["input_ids"]
    lengths = np.linspace(2, len(ids) - 20, count).astype(int)
    found = []
    for i, length in enumerate(lengths):
        keys, rule = list(RULES.values())[i % len(RULES)]
        prompt = ids[i % 20 : i % 20 + int(length)]
        if "cf_cut_context" in keys:
            found.append(Case(prompt, prompt[-keys["cf_cut_context"] :], dict(keys), rule))
            continue
        other = [prompt[-max(2, len(prompt) // 3) :], ids[20 : 20 + len(prompt)], ids[: len(prompt) + 17]][i % 3]
        found.append(Case(prompt, other, {**keys, "cf_contrast_ids": other}, rule))
    return found


GROUPS = {
    3: ({"cf_method": "dexperts", "cf_strength": 0.6}, functools.partial(oracles.dexperts, strength=0.6)),
    4: (
        {"cf_method": "weighted_sum", "cf_weights": [-0.4, 0.3, -0.2], "cf_main_weight": 1.3},
        functools.partial(oracles.weighted_sum, weights=(-0.4, 0.3, -0.2), main_weight=1.3),
    ),
}
"""Keys and rule of a group, by how many views it has."""


def group_cases(lm: LanguageModel, count: int) -> list[Case]:
    """`count` groups of three and of four views in turn, with prompts of 2 to 110 tokens, the others of 2 to 130."""
    ids = lm.tokenizer(TEXT)["input_ids"]
    found = []
    for i, length in enumerate(np.linspace(2, len(ids) - 40, count).astype(int)):
        views = 3 + i % 2
        keys, rule = GROUPS[views]
        prompt = ids[i % 20 : i % 20 + int(length)]
        lengths = [2 + (37 * (i + k)) % (len(ids) - 40) for k in range(views - 1)]
        others = [ids[5 * k : 5 * k + n] for k, n in enumerate(lengths)]
        found.append(Case(prompt, others[0], {**keys, "cf_contrast_ids": others}, rule, others[1:]))
    return found


@torch.no_grad()
def all_logits(model: Any, prompt: list[int], new: list[int]) -> np.ndarray:
    """Float64 logits `[new, vocab]` before each new token, from one full forward."""
    ids = torch.tensor([prompt + new])
    return model(ids, use_cache=False).logits[0, len(prompt) - 1 : -1].double().numpy()


@torch.no_grad()
def early_logits(model: Any, layer: int, prompt: list[int], new: list[int]) -> np.ndarray:
    """The same after a layer of a Llama: its state through final norm and head."""
    states = model(torch.tensor([prompt + new]), use_cache=False, output_hidden_states=True).hidden_states[layer]
    return model.lm_head(model.model.norm(states[0, len(prompt) - 1 : -1])).double().numpy()


def expected(lm: LanguageModel, case: Case, new: list[int], base: Any = None) -> list[int]:
    """The greedy choice at each position of a continuation. A greedy continuation is right if and only if this is the
    continuation.

    Args:
        lm: The model of the main view.
        case: The pair.
        new: The continuation.
        base: The other view's model, if it is another one.
    """
    main = all_logits(lm.model, case.prompt, new)
    others = [all_logits(base or lm.model, prompt, new) for prompt in (case.other, *case.more)]
    read = np.stack(others, 1) if case.more else others[0]
    return [int(case.rule(m, o).argmax()) for m, o in zip(main, read, strict=True)]


def plainly(lm: LanguageModel, prompt: list[int], new: list[int]) -> list[int]:
    """The same for a plain request."""
    return [int(row.argmax()) for row in all_logits(lm.model, prompt, new)]
