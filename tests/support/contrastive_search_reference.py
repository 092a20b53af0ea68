"""Contrastive search from its equation: no cache, no padding, every candidate's sequence computed anew each step."""

from __future__ import annotations

import numpy as np
import torch
from transformers import PreTrainedModel


def scores(probabilities, candidates, history, alpha):
    """One row in float64: `probabilities [k]`, `candidates [k, hidden]`, `history [length, hidden]`."""
    result = []
    for probability, candidate in zip(probabilities, candidates, strict=True):
        cosines = [
            candidate @ past / (np.linalg.norm(candidate) * np.linalg.norm(past))
            if np.linalg.norm(candidate) and np.linalg.norm(past)
            else 0.0
            for past in history
        ]
        likeness = max(cosines, default=0.0)
        result.append((1 - alpha) * probability - alpha * likeness if probability > 0 else -np.inf)
    return np.array(result)


@torch.no_grad()
def _forward(model: PreTrainedModel, rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    outputs = model(input_ids=torch.tensor(rows), use_cache=False, output_hidden_states=True)
    return outputs.logits[:, -1].double().numpy(), outputs.hidden_states[-1].double().numpy()


def reference_search(model: PreTrainedModel, prompt: list[int], alpha: float, k: int, new: int) -> list[int]:
    """The `new` tokens that follow `prompt`."""
    ids = list(prompt)
    for _ in range(new):
        (logits,), (history,) = _forward(model, [ids])
        exponentials = np.exp(logits - logits.max())
        probabilities = exponentials / exponentials.sum()
        candidates = np.argsort(-probabilities, kind="stable")[:k]
        _, hidden = _forward(model, [[*ids, int(candidate)] for candidate in candidates])
        best = scores(probabilities[candidates], hidden[:, -1], history, alpha).argmax()
        ids.append(int(candidates[best]))
    return ids[len(prompt) :]
