"""Every decoder-only family of transformers through every way of decoding: the right tokens, or a refusal by name.

Four families on every run, all of them with COUNTERFOIL_SOAK=1.
"""

from __future__ import annotations

import copy
import os
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from counterfoil.decoding import CADLogitsProcessor, ContrastiveSearchLogitsProcessor, batched_views, contrastive_search

from tests.support.drafts import drafting
from tests.support.families import FAMILIES, WINDOW, tiny_family
from tests.support.reference import next_logits
from tests.support.tiny_models import padded, random_prompts

SOAK = bool(int(os.environ.get("COUNTERFOIL_SOAK", "0")))
NEW = 6
LENGTHS = [(WINDOW + 8, 5), (9, 2 * WINDOW + 8), (WINDOW - 3, WINDOW + 2)]
NEAR_TIE = 1e-2  # of logits with a spread of several units
# Composite models, whose text part is in the list under a name of its own, and families whose smallest is large.
LARGE = {"blt", "emu3", "gemma3", "gemma4", "gemma4_unified", "git", "got_ocr2", "kimi_linear", "llama4", "mllama",
         "phi4_multimodal", "qwen3_5", "qwen3_5_moe", "qwen4_exp", "gemma3n"}  # fmt: skip
FEW = ["minimax", "codegen", "deepseek_v32", "reformer"]
TRIED = [family for family in FAMILIES if family not in LARGE] if SOAK else FEW


class Family:
    """A model with what it says to two prompts, without a cache and with one."""

    def __init__(self, family: str) -> None:
        try:
            self.model: Any = tiny_family(family)
            self.model.generate(**padded(random_prompts([WINDOW + 8], seed=1)), max_new_tokens=NEW)
        except Exception as error:
            pytest.skip(f"{family} cannot be made this small: {type(error).__name__}: {str(error)[:100]}")
        # Some compute otherwise with a cache or with generate()'s positions, or with what the last text left behind.
        self.is_consistent = False
        for length in (9, WINDOW + 8, 2 * WINDOW + 8):
            (prompt, other), new = random_prompts([length, length + 5], seed=2), []
            self.model.generate(**padded([other]), max_new_tokens=2, do_sample=False)
            options = {"do_sample": False, "output_logits": True, "return_dict_in_generate": True}
            output = self.model.generate(**padded([prompt]), max_new_tokens=NEW, **options)
            for logits in output.logits:
                if np.abs(next_logits(self.model, prompt + new) - logits[0].double().numpy()).max() > NEAR_TIE / 10:
                    return
                new.append(int(logits[0].argmax()))
        self.is_consistent = True

    def fresh(self) -> Any:
        """Return the model as if no text had left anything in its modules."""
        return self.model if self.is_consistent else copy.deepcopy(self.model)

    def generate(self, prompt: list[int], *processors: Any, **options: Any) -> list[int]:
        model = self.fresh()
        given = {"max_new_tokens": NEW, "do_sample": False, **options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = [processor(model) for processor in processors]
            return model.generate(**padded([prompt]), logits_processor=made, **given)[0, len(prompt) :].tolist()

    def plain(self, prompt: list[int]) -> list[int]:
        return self.generate(prompt)

    @torch.no_grad()
    def loop(self, prompt: list[int], make: Any) -> list[int]:
        """Return the tokens of a loop that is not `generate()` and keeps no cache."""
        model, ids = self.fresh(), torch.tensor([prompt])
        processor = make(model)
        for _ in range(NEW):
            scores = model(input_ids=ids, use_cache=False).logits[:, -1].float()
            ids = torch.cat([ids, processor(ids, scores).argmax(-1, keepdim=True)], -1)
        return ids[0, len(prompt) :].tolist()

    def reference(self, prompt: list[int], contrast: list[int], strength: float) -> list[int]:
        """Return the tokens of two whole forwards each, up to the first near tie."""
        new: list[int] = []
        for _ in range(NEW):
            main = next_logits(self.fresh(), prompt + new)
            other = next_logits(self.fresh(), contrast + new) if strength else main
            scores = (1 + strength) * main - strength * other
            best, second = np.sort(scores)[-1:-3:-1]
            if best - second < NEAR_TIE:
                break
            new.append(int(scores.argmax()))
        return new


@pytest.fixture(scope="module", params=TRIED)
def family(request: pytest.FixtureRequest) -> Family:
    return Family(request.param)


def outcome(family: Family, *args: Any, **options: Any) -> list[int] | None:
    """Return the tokens; `None` if the call is refused by name."""
    try:
        return family.generate(*args, **options)
    except ValueError as refusal:
        check_refusal(family, refusal)
        return None


def check_refusal(family: Family, refusal: ValueError) -> None:
    assert type(family.model).__name__ in str(refusal), refusal


@pytest.mark.parametrize("path", ["processor", "batched_views"])
def test_a_contrast_without_strength_is_plain_decoding(family: Family, path: str) -> None:
    for lengths in LENGTHS:
        prompt, contrast = random_prompts(list(lengths), seed=7)

        def cad(model: Any, contrast: list[int] = contrast) -> CADLogitsProcessor:
            return CADLogitsProcessor(model, padded([contrast]), strength=0.0)

        found = outcome(family, prompt, cad, custom_generate=batched_views if path == "batched_views" else None)
        assert found in (None, family.plain(prompt)), lengths


@pytest.mark.parametrize("path", ["processor", "batched_views"])
def test_the_same_prompt_is_no_contrast(family: Family, path: str) -> None:
    (prompt,) = random_prompts([WINDOW + 8], seed=8)

    def cad(model: Any) -> CADLogitsProcessor:
        return CADLogitsProcessor(model, padded([prompt]), strength=3.0)

    found = outcome(family, prompt, cad, custom_generate=batched_views if path == "batched_views" else None)
    assert found in (None, family.plain(prompt))


@pytest.mark.parametrize("path", ["processor", "batched_views", "own loop"])
def test_a_contrast_is_that_of_two_whole_forwards(family: Family, path: str) -> None:
    for lengths in LENGTHS:
        prompt, contrast = random_prompts(list(lengths), seed=9)

        def cad(model: Any, contrast: list[int] = contrast) -> CADLogitsProcessor:
            return CADLogitsProcessor(model, padded([contrast]), strength=1.0)

        if path == "own loop":
            if not family.is_consistent:
                return
            try:
                found = family.loop(prompt, cad)
            except ValueError as refusal:
                check_refusal(family, refusal)
                return
        else:
            found = outcome(family, prompt, cad, custom_generate=batched_views if path == "batched_views" else None)
        if found is None:
            return
        if path == "batched_views":
            assert found == outcome(family, prompt, cad), lengths
        if family.is_consistent:
            expected = family.reference(prompt, contrast, 1.0)
            assert found[: len(expected)] == expected, lengths


def test_drafts_change_no_token(family: Family) -> None:
    for lengths in LENGTHS:
        prompt, contrast = random_prompts(list(lengths), seed=12)

        def cad(model: Any, contrast: list[int] = contrast) -> CADLogitsProcessor:
            return CADLogitsProcessor(model, padded([contrast]), strength=1.0)

        options = {"custom_generate": batched_views, "max_new_tokens": 3 * NEW}
        expected = outcome(family, prompt, cad, **options)
        if expected is None:
            return
        with drafting(torch.tensor([expected]), 0):
            found = outcome(family, prompt, cad, **options, prompt_lookup_num_tokens=5)
        assert found in (None, expected), lengths


@pytest.mark.parametrize("path", ["callable", "processor"])
def test_contrastive_search_without_a_penalty_is_greedy(family: Family, path: str) -> None:
    for length in (9, WINDOW + 8, 2 * WINDOW + 8):
        (prompt,) = random_prompts([length], seed=10)
        if path == "callable":
            found = outcome(family, prompt, custom_generate=contrastive_search, penalty_alpha=0.0, top_k=3)
        else:
            found = outcome(family, prompt, partial(ContrastiveSearchLogitsProcessor, penalty_alpha=0.0, top_k=3))
        assert found in (None, family.plain(prompt)), length


@pytest.mark.parametrize("path", ["callable", "processor"])
def test_contrastive_search_is_that_of_its_equation(family: Family, path: str) -> None:
    if not family.is_consistent:
        pytest.skip("it computes otherwise with a cache than without")
    for length in (9, WINDOW + 8):
        (prompt,) = random_prompts([length], seed=11)
        options = {"penalty_alpha": 0.6, "top_k": 3}
        if path == "callable":
            found = outcome(family, prompt, custom_generate=contrastive_search, **options)
        else:
            found = outcome(family, prompt, partial(ContrastiveSearchLogitsProcessor, **options))
        if found is None:
            return
        expected = searched(family.model, prompt, **options)
        assert found[: len(expected)] == expected, length


def searched(model: Any, prompt: list[int], penalty_alpha: float, top_k: int) -> list[int]:
    """Return the tokens of equation (5), without a cache, up to the first near tie."""
    ids = list(prompt)

    @torch.no_grad()
    def forward(row: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        read: list[torch.Tensor] = []
        head = model.get_output_embeddings().register_forward_pre_hook(lambda _, given: read.append(given[0]))
        output = model(input_ids=torch.tensor([row]), use_cache=False, output_hidden_states=True)
        head.remove()
        last = output.hidden_states[-1]
        # Gemma 3n gives four streams, of which the head reads one thing.
        return output.logits[0, -1].double(), (last if last.dim() == 3 else read[0])[0].double()

    for _ in range(NEW):
        logits, history = forward(ids)
        probabilities, tokens = logits.softmax(-1).topk(top_k + 1)
        hidden = torch.stack([forward([*ids, token])[1][-1] for token in tokens[:top_k].tolist()])
        cosines = torch.nn.functional.cosine_similarity(hidden[:, None], history[None], dim=-1).amax(-1)
        scores = (1 - penalty_alpha) * probabilities[:top_k] - penalty_alpha * cosines
        best = scores.topk(2).values
        if best[0] - best[1] < 1e-4 or probabilities[top_k - 1] - probabilities[top_k] < 1e-6:
            break
        ids.append(int(tokens[scores.argmax()]))
    return ids[len(prompt) :]
