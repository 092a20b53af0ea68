"""Every method on SmolLM2: token-identical to two full forwards without cache, batch, or padding.

A greedy continuation is right if and only if each of its tokens is the argmax of the rule over full forwards of the
*final* sequences: one forward a view checks all of its steps. `make soak` runs 32 prompts, the suite a part of them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import numpy as np
import pytest
import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    CIDLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    EarlyExit,
    batched_views,
)
from counterfoil.models import LanguageModel, load_language_model

from tests.support import oracles

SOAK_TOKENS = int(os.environ.get("COUNTERFOIL_SOAK", "0"))
PROMPTS, NEW = (32, SOAK_TOKENS) if SOAK_TOKENS else (4, 8)
TEXT = (
    "The keeper of the lighthouse wrote in his book that the ferry had not come for nine days. Nobody on the island "
    "had expected otherwise, because the storm had taken the landing stage and half the boats. In school the children "
    "drew maps of the coast and counted the birds that came in from the north. The council met twice, first about the "
    "bread and then about the well, and both times the minutes say that no agreement was reached. On the tenth day a "
    "fishing boat was seen beyond the reef; it carried flour, two letters, and a box of glass for the lamp."
)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


@pytest.fixture(scope="module")
def prompts(lm: LanguageModel) -> list[list[int]]:
    """Token ids of lengths from 1 to about 110, each from another place of the text."""
    ids = lm.tokenizer(TEXT)["input_ids"]
    lengths = np.linspace(1, 110, PROMPTS).astype(int)
    return [ids[start : start + int(length)] for start, length in enumerate(lengths)]


def batch_of(lm: LanguageModel, rows: list[list[int]]) -> dict[str, torch.Tensor]:
    return dict(lm.tokenizer.pad({"input_ids": rows}, return_tensors="pt", padding_side="left"))


@torch.no_grad()
def all_logits(lm: LanguageModel, prompt: list[int], new: list[int]) -> np.ndarray:
    """Float64 logits `[new, vocab]` before each new token, from one full forward."""
    ids = torch.tensor([prompt + new])
    return lm.model(ids, use_cache=False).logits[0, len(prompt) - 1 : -1].double().numpy()


@torch.no_grad()
def layer_logits(lm: LanguageModel, layer: int, norm: bool, prompt: list[int], new: list[int]) -> np.ndarray:
    hidden = lm.model(torch.tensor([prompt + new]), use_cache=False, output_hidden_states=True).hidden_states[layer]
    hidden = hidden[0, len(prompt) - 1 : -1]
    return lm.model.lm_head(lm.model.model.norm(hidden) if norm else hidden).double().numpy()


def contrast_of(prompt: list[int]) -> list[int]:
    """A prompt's contrast: its last third, so that lengths differ on both sides."""
    return prompt[-max(1, len(prompt) // 3) :]


Reference = Callable[[LanguageModel, list[int], list[int]], np.ndarray]


def dola_expected(lm: LanguageModel, layers: list[int], prompt: list[int], new: list[int]) -> list[int]:
    main = all_logits(lm, prompt, new)
    early = {layer: layer_logits(lm, layer, True, prompt, new) for layer in layers}
    chosen = []
    for step, final in enumerate(main):
        p = np.exp(oracles.log_softmax(final))
        divergence = {
            layer: _jensen_shannon(p, np.exp(oracles.log_softmax(logits[step]))) for layer, logits in early.items()
        }
        layer = max(divergence, key=lambda key: divergence[key])
        chosen.append(int(oracles.dola(final, early[layer][step]).argmax()))
    return chosen


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    m = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nansum(np.where(p > 0, p * np.log(p / m), 0) + np.where(q > 0, q * np.log(q / m), 0)) / 2)


METHODS = {
    "cad": (
        lambda lm, rows: CADLogitsProcessor(lm.model, batch_of(lm, [contrast_of(row) for row in rows]), strength=1.0),
        lambda lm, prompt, new: all_logits(lm, contrast_of(prompt), new),
        functools.partial(oracles.cad, strength=1.0),
    ),
    "cid": (
        lambda lm, rows: CIDLogitsProcessor(lm.model, batch_of(lm, [contrast_of(row) for row in rows]), strength=50.0),
        lambda lm, prompt, new: all_logits(lm, contrast_of(prompt), new),
        functools.partial(oracles.cid, strength=50.0),
    ),
    "cut context": (
        lambda lm, rows: ContrastiveDecodingLogitsProcessor(
            lm.model, CutContext(lm.model, 4), plausibility=0.1, strength=0.5
        ),
        lambda lm, prompt, new: all_logits(lm, prompt[-4:], new),
        functools.partial(oracles.contrastive_decoding, plausibility=0.1, strength=0.5),
    ),
    "early exit": (
        lambda lm, rows: ContrastiveDecodingLogitsProcessor(lm.model, EarlyExit(lm.model, 15), formulation="li"),
        lambda lm, prompt, new: layer_logits(lm, 15, True, prompt, new),
        functools.partial(oracles.contrastive_decoding, formulation="li"),
    ),
    "dola": (lambda lm, rows: DoLaLogitsProcessor(lm.model, "high"), None, None),
}


def generate(lm: LanguageModel, make, rows: list[list[int]], custom=None) -> list[list[int]]:
    inputs = batch_of(lm, rows)
    output = lm.model.generate(
        **inputs,
        logits_processor=[make(lm, rows)],
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=None,
        custom_generate=custom,
    )
    return output[:, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("path", ["alone", "batch of 4", "batch of 4, one forward"])
@pytest.mark.parametrize("method", METHODS)
def test_tokens_are_those_of_full_forwards(lm: LanguageModel, prompts: list[list[int]], method: str, path: str) -> None:
    make, other, oracle = METHODS[method]
    size = 1 if path == "alone" else 4
    custom = batched_views if "one forward" in path else None
    new = [row for i in range(0, PROMPTS, size) for row in generate(lm, make, prompts[i : i + size], custom)]
    for prompt, tokens in zip(prompts, new, strict=True):
        if method == "dola":
            expected = dola_expected(lm, list(range(15, 30, 2)), prompt, tokens)
        else:
            main, contrast = all_logits(lm, prompt, tokens), other(lm, prompt, tokens)
            expected = [int(oracle(m, o).argmax()) for m, o in zip(main, contrast, strict=True)]
        assert tokens == expected
