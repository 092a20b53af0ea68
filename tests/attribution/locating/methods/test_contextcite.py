"""ContextCite: log-probabilities against plain forwards, the regression against its equation in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counterfoil.attribution.locating.methods.contextcite import effects_of
from counterfoil.attribution.locating.methods.contributive import answer_log_probabilities


def test_log_probabilities_in_a_padded_batch_are_those_of_one(reader):
    rows = [[5, 6, 7, 8, 9, 10, 11], [20, 21, 9, 10, 11]]
    together = answer_log_probabilities(reader, rows, 3)
    for row, found in zip(rows, together, strict=True):
        logits = reader.model(torch.tensor([row])).logits[0, -4:-1].log_softmax(-1)
        assert torch.allclose(found, logits.gather(-1, torch.tensor(row[-3:])[:, None])[:, 0], atol=1e-4)


def test_lasso_finds_the_sentences_that_matter_and_says_how_well_it_fits():
    generator = torch.Generator().manual_seed(1)
    masks = torch.rand(64, 8, generator=generator) < 0.5
    log_p = torch.stack([-2.0 + 1.5 * masks[:, 3], -1.0 - 0.5 * (1.0 - masks[:, 3].float())], dim=1)
    effects, agreement = effects_of(masks, log_p, 0.01)
    assert int(np.argmax(effects)) == 3
    assert sum(abs(effect) > 0.05 for effect in effects) == 1
    # The logit moves by log p + 2 nats of the two tokens, less what the penalty takes and more for log(1 - p).
    assert effects[3] == pytest.approx(2.0, abs=0.3)
    assert agreement is not None
    assert agreement > 0.8


def test_lasso_equals_the_equation_minimised_in_float64():
    generator = torch.Generator().manual_seed(2)
    masks = torch.rand(40, 5, generator=generator) < 0.5
    log_p = -torch.rand(40, 3, generator=generator) - masks[:, :1] * 0.7
    total = log_p.double().sum(1).numpy()
    target = (total - np.log1p(-np.exp(total))) / 3
    there = masks.double().numpy()
    scaled = (there - there.mean(0)) / there.std(0)
    weights = np.zeros(5)
    for _ in range(2000):  # coordinate descent
        for j in range(5):
            rest = target - target.mean() - scaled @ weights + scaled[:, j] * weights[j]
            gradient = (scaled[:, j] * rest).mean()
            weights[j] = np.sign(gradient) * max(abs(gradient) - 0.01, 0) / (scaled[:, j] ** 2).mean()
    effects, _ = effects_of(masks, log_p, 0.01)
    assert np.allclose(effects, 3 * weights / there.std(0), atol=1e-3)


def test_a_certain_answer_has_no_infinite_target():
    masks = torch.rand(16, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    effects, agreement = effects_of(masks, torch.zeros(16, 2), 0.01)
    assert effects == [0.0, 0.0, 0.0]
    assert agreement is None
