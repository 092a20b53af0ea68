"""Attention knockout against forwards with the attention masked out."""

from __future__ import annotations

import pytest
import torch
from counterfoil.attribution.locating.base import Query
from counterfoil.attribution.locating.context import Prompts, joined
from counterfoil.attribution.locating.methods.attention_knockout import AttentionKnockout
from counterfoil.attribution.locating.methods.contributive import by_sentence

from tests.support.locating_models import ANSWER, DOCUMENTS, QUESTION, byte_language


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_knockout_equals_a_forward_with_the_attention_masked_out(family):
    language = byte_language(family)
    method = AttentionKnockout(ANSWER, DOCUMENTS, question=QUESTION, model=language, batch_size=2)
    sources, effects = method.effects
    prompts = Prompts(ANSWER, DOCUMENTS, QUESTION, language)
    (window,) = prompts.windows(2048)
    pieces, again = by_sentence(window, prompts)
    assert [(s.document, s.start, s.end) for s in sources] == [(s.document, s.start, s.end) for s in again]
    ids, ranges = joined(pieces)
    first, length = ranges[-1][0] - 1, len(ids) - 1
    tokens = torch.tensor([ids[:-1]])
    causal = torch.ones(length, length).tril().bool()

    def log_p(mask):
        bias = torch.zeros(1, 1, length, length).masked_fill(~mask, torch.finfo(torch.float32).min)
        with torch.no_grad():
            return language.model(tokens, attention_mask=bias).logits[0, first:].double().log_softmax(-1)

    full = log_p(causal)
    for number in (0, 3):
        start, end = again[number].tokens
        mask = causal.clone()
        mask[first:, start:end] = False
        expected = (full.exp() * (full - log_p(mask))).sum(-1)
        assert torch.allclose(effects[number].double(), expected, atol=1e-3)
    assert float(effects.max()) > 0


def test_contributive_methods_look_at_the_words_themselves(reader):
    method = AttentionKnockout(ANSWER, DOCUMENTS, model=reader)
    sources, effects = method.effects
    found = method.propose(Query(((33, len(ANSWER)),), ((33, len(ANSWER)),), "Café at noon."))
    own = [n for n, (start, _) in enumerate(Prompts(ANSWER, DOCUMENTS, None, reader).answer.places) if start >= 33]
    best = sources[int(effects[:, own].mean(1).argmax())]
    assert (found.candidates[0].start, found.candidates[0].end) == (best.start, best.end)
    assert sum(candidate.score or 0 for candidate in found.candidates) == pytest.approx(1.0)
