"""Contrastive search on SmolLM2: token-identical to the equation, computed without cache, batch or padding.

A continuation is right if and only if each of its tokens wins the ranking given all before it, so one full forward over
the final sequence and one over each step's candidates check all steps. `make soak` runs more and longer prompts.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from counterfoil.decoding import contrastive_search
from counterfoil.decoding.search.support import why_not_packed
from counterfoil.models import LanguageModel, load_language_model
from transformers import StopStringCriteria

from tests.support import contrastive_search_reference as oracle

THOROUGH = bool(os.environ.get("COUNTERFOIL_SOAK"))
LENGTHS = np.linspace(1, 1000, 24).astype(int) if THOROUGH else np.array([1, 9, 20, 34])
NEW = 24 if THOROUGH else 12
SETTINGS = [(0.6, 4), (0.4, 8)] if THOROUGH else [(0.6, 4)]
TEXT = (
    "The tide gauge at the pier was read twice a day for sixty years, first by the harbour master and later by his "
    "daughter, who also wrote down the wind. When the paper rolls were found in an attic, nobody could say which clock "
    "had been used, and the first decade had to be shifted by eleven minutes. The corrected series shows two things: a "
    "slow rise of the sea, and a small jump in the year in which the breakwater was built. Engineers had long denied "
    "the jump, because their own gauge, on the lee side, had been replaced in the same winter. "
)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


def prompts(lm: LanguageModel) -> list[list[int]]:
    ids = lm.tokenizer(TEXT * 12)["input_ids"]
    return [ids[start : start + int(length)] for start, length in enumerate(LENGTHS)]


def search(lm: LanguageModel, rows: list[list[int]], **options) -> list[list[int]]:
    inputs = lm.tokenizer.pad({"input_ids": rows}, return_tensors="pt", padding_side="left")
    output = lm.model.generate(
        **inputs, custom_generate=contrastive_search, max_new_tokens=NEW, eos_token_id=None, **options
    )
    return output[:, inputs["input_ids"].shape[1] :].tolist()


@torch.no_grad()
def assert_every_token_wins(lm: LanguageModel, prompt: list[int], new: list[int], alpha: float, k: int) -> None:
    ids = prompt + new
    whole = lm.model(torch.tensor([ids]), output_hidden_states=True, use_cache=False)
    history = whole.hidden_states[-1][0].double().numpy()
    for step, token in enumerate(new):
        length = len(prompt) + step
        probabilities, candidates = whole.logits[0, length - 1].double().softmax(-1).topk(k)
        rows = torch.cat((torch.tensor([ids[:length]]).expand(k, -1), candidates[:, None]), dim=1)
        hidden = lm.model.model(rows, use_cache=False).last_hidden_state[:, -1].double().numpy()
        scores = oracle.scores(probabilities.numpy(), hidden, history[:length], alpha)
        assert token == candidates[scores.argmax()], f"token {step} of a prompt of {len(prompt)}"


@pytest.mark.parametrize(("alpha", "k"), SETTINGS)
def test_every_token_is_the_one_of_the_equation(lm: LanguageModel, alpha: float, k: int) -> None:
    rows = prompts(lm)
    alone = [search(lm, [row], penalty_alpha=alpha, top_k=k)[0] for row in rows]
    for prompt, new in zip(rows, alone, strict=True):
        assert_every_token_wins(lm, prompt, new, alpha, k)
    for start in range(0, len(rows), 4):
        assert search(lm, rows[start : start + 4], penalty_alpha=alpha, top_k=k) == alone[start : start + 4]
    assert why_not_packed(lm.model) is None


def test_stop_strings_end_a_row(lm: LanguageModel) -> None:
    # transformers keeps `tokenizer` from callables and so cannot build the criterion of `stop_strings=` itself.
    inputs = lm.tokenizer(TEXT[:60], return_tensors="pt")
    options = {"custom_generate": contrastive_search, "max_new_tokens": 12}
    length = inputs["input_ids"].shape[1]
    free = lm.tokenizer.decode(lm.model.generate(**inputs, **options)[0][length:])
    word = free.split()[3]
    criterion = StopStringCriteria(lm.tokenizer, [word])
    stopped = lm.tokenizer.decode(lm.model.generate(**inputs, **options, stopping_criteria=[criterion])[0][length:])
    assert free.startswith(stopped)
    assert word in stopped
    assert len(stopped) < len(free)
