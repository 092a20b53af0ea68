"""Coherence against the model called by hand; MAUVE against its library on the same hidden states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counterfoil.eval.measures import naturalness
from counterfoil.eval.measures.naturalness import cosines, mauve, mean_log_likelihoods
from mauve import compute_mauve

from tests.support.tasks import TinyEmbedding
from tests.support.tiny_language import text, tiny_language
from tests.support.tiny_models import random_prompts


@torch.no_grad()
def by_hand(prompt: str, continuation: str) -> float:
    language = tiny_language()
    one, other = (language.tokenizer(part)["input_ids"] for part in (prompt, continuation))
    scores = language.model(torch.tensor([one + other])).logits[0].double().log_softmax(-1)
    return float(sum(scores[len(one) + i - 1, token] for i, token in enumerate(other)) / len(other))


def test_log_likelihood_is_a_mean_over_the_tokens_of_the_continuation() -> None:
    prompts, texts = ["w5 w6 w7", "w8", "w9 w10"], ["w11 w12", "w13 w14 w15 w16", ""]
    found = mean_log_likelihoods(prompts, texts, tiny_language(), batch_size=2)
    assert found[:2] == pytest.approx([by_hand(prompts[i], texts[i]) for i in range(2)], abs=1e-5)
    assert found[2] is None
    assert mean_log_likelihoods(["w5"], [""], tiny_language()) == [None]


def test_cosine_is_that_of_the_embeddings() -> None:
    found = cosines(["a b", "a b", "a"], ["a b", "c", " "], TinyEmbedding())
    one, other = (TinyEmbedding.vector(words) for words in ("a b", "c"))
    angle = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert found[0] == pytest.approx(1.0)
    assert found[1] == pytest.approx(angle)
    assert found[2] is None


def test_mauve_is_the_librarys_on_pairs_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    references = [text([4 + n % 20, 5 + n % 7, 30 + n % 9]) for n in range(44)]
    others = [text([40 + n % 5, 41, 42, 43]) for n in range(44)]
    seen = {}

    def spied(**given):
        seen.update(given)
        return compute_mauve(**given)

    monkeypatch.setattr("mauve.compute_mauve", spied)
    far = mauve(references, others, tiny_language())
    near = mauve(references, references, tiny_language())
    assert 0 < far < near
    assert near == pytest.approx(100, abs=0.5)
    mauve(references, others, tiny_language())
    ids = torch.tensor([tiny_language().tokenizer(others[0])["input_ids"][:3]])
    hidden = tiny_language().model(ids, output_hidden_states=True).hidden_states[-1][0, -1]
    assert seen["q_features"].shape == (44, hidden.shape[0])
    assert seen["q_features"][0] == pytest.approx(hidden.detach().numpy(), abs=1e-5)


def test_mauve_of_few_texts_is_not_given() -> None:
    words = [text(ids) for ids in random_prompts([3] * (naturalness.LEAST - 1), seed=1)]
    assert mauve(words, words, tiny_language()) is None
    assert mauve([*words, "w5"], [*words, ""], tiny_language()) is None, "an empty continuation is left out"
